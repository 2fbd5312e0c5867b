"""Crop, flip, cutout: the baseline with a square erased.

DeVries, Taylor 2017 (arXiv 1708.04552): 16 pixels for CIFAR-10, 8 for CIFAR-100, 20 for SVHN, of 32x32. See `erase`.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from recipelab.augment.baseline import Baseline
from recipelab.augment.chain import Chain
from recipelab.augment.crop_flip import PaddingMode
from recipelab.augment.erase import Fill
from recipelab.augment.erase import cutout as random_cutout
from recipelab.augment.primitive import Probability


def cutout(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    size: Annotated[int, Ge(0)] = 16,
    holes: Annotated[int, Ge(0)] = 1,
    fill: Fill = "mean",
    padding: Annotated[int, Ge(0)] = 4,
    padding_mode: PaddingMode = "zeros",
    flip: Probability = 0.5,
) -> Chain:
    """`holes` squares of `size` pixels after the baseline's crop and flip; in 1, 2 and 3 dimensions."""
    hole = random_cutout(
        image_size=image_size, input_channels=input_channels, mean=mean, size=size, holes=holes, fill=fill
    )
    crop = Baseline(image_size=image_size, padding=padding, padding_mode=padding_mode, flip=flip)
    return Chain({"crop_flip": crop, "cutout": hole})
