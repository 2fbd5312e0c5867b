"""TrivialAugment: one operation a sample, drawn uniformly, at a level drawn uniformly.

Mueller, Hutter 2021 (arXiv 2103.10158), the wide ranges, 31 levels, as torchvision's `TrivialAugmentWide`. Published
for CIFAR between crop and flip and a cutout of 16 pixels. Nothing to tune; grey 128 comes in from outside.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.augment.affine import Interpolation
from recipelab.augment.chain import Chain
from recipelab.augment.erase import Fill
from recipelab.augment.frame import framed
from recipelab.augment.magnitudes import Ranges, tabulate, wide_ranges, with_signs
from recipelab.augment.operations import OPERATIONS, Operations, Sample
from recipelab.augment.primitive import Probability, fill_levels

LEVELS = 31


def trivial_augment(ranges: Ranges, bins: int = LEVELS) -> Sample:
    """A sampler of one operation of `ranges` at one of `bins` levels."""
    names = torch.tensor([OPERATIONS.index(name) for name in ranges])
    table = tabulate(ranges, bins)

    def sample(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        operation = names[torch.randint(len(names), (count, 1), generator=generator)]
        level = torch.randint(bins, (count, 1), generator=generator)
        negative = torch.rand(count, 1, generator=generator) < 0.5
        return operation, with_signs(operation, table[operation, level], negative)

    return sample


def trivialaugment(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    interpolation: Interpolation = "nearest",
    fill: Fill = 128,
    padding: Annotated[int, Ge(0)] = 4,
    flip: Probability = 0.5,
    cutout: Annotated[int, Ge(0)] = 16,
) -> Chain:
    """Crop, flip, one operation, cutout (0: none)."""
    ranges = wide_ranges()
    policy = Operations(
        trivial_augment(ranges),
        set(ranges),
        image_size=image_size,
        fill=fill_levels(fill, mean, input_channels),
        interpolation=interpolation,
    )
    return framed(
        policy,
        image_size=image_size,
        input_channels=input_channels,
        mean=mean,
        padding=padding,
        flip=flip,
        cutout=cutout,
    )
