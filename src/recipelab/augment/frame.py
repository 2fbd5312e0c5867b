"""What policies for small images have around their operations: crop and flip before, cutout after."""

from __future__ import annotations

from typing import Any

from recipelab.augment.baseline import Baseline
from recipelab.augment.chain import Chain
from recipelab.augment.erase import cutout as random_cutout


def framed(
    policy: Any,
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None,
    padding: int,
    flip: float,
    cutout: int,
) -> Chain:
    """Crop, flip, policy, cutout: the order of the AutoAugment paper (arXiv 1805.09501, section 4.1)."""
    hole = random_cutout(image_size=image_size, input_channels=input_channels, mean=mean, size=cutout)
    crop = Baseline(image_size=image_size, padding=padding, flip=flip)
    return Chain({"crop_flip": crop, "policy": policy, "cutout": hole})
