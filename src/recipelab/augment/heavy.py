"""Crop, flip, random erasing: the baseline with a box of random size erased half of the time.

Random erasing: Zhong et al. 2017 (arXiv 1708.04896) with torchvision's defaults. See `erase`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from recipelab.augment.baseline import Baseline
from recipelab.augment.chain import Chain
from recipelab.augment.erase import Fill, random_erasing
from recipelab.augment.primitive import Probability


def heavy(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    erasing: Probability = 0.5,
    area: tuple[Annotated[float, Ge(0), Le(1)], Annotated[float, Ge(0), Le(1)]] = (0.02, 0.33),
    ratio: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.3, 3.3),
    fill: Fill | Literal["noise"] = "mean",
    padding: Annotated[int, Ge(0)] = 4,
    flip: Probability = 0.5,
) -> Chain:
    """Erases a box of a share `area` and an aspect within `ratio` with probability `erasing`."""
    box = random_erasing(
        image_size=image_size,
        input_channels=input_channels,
        mean=mean,
        p=erasing,
        area=area,
        ratio=ratio,
        fill=fill,
    )
    return Chain({"crop_flip": Baseline(image_size=image_size, padding=padding, flip=flip), "erasing": box})
