"""AutoAugment: one of 25 learned sub-policies a sample, each two operations with probabilities and levels.

Cubuk, Zoph, Mane, Vasudevan, Le 2018 (arXiv 1805.09501); tables in `autoaugment_tables`, levels as torchvision's
`AutoAugment` (10 of them). Published for CIFAR between crop and flip and a cutout of 16 pixels (8 for CIFAR-100). The
sign of an operation with two directions is a coin; grey 128 comes in from outside, torchvision's default is black.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.augment.affine import Interpolation
from recipelab.augment.autoaugment_tables import TABLES, parse
from recipelab.augment.chain import Chain
from recipelab.augment.erase import Fill
from recipelab.augment.frame import framed
from recipelab.augment.magnitudes import paper_ranges, tabulate, with_signs
from recipelab.augment.operations import OPERATIONS, Operations, Sample
from recipelab.augment.primitive import Probability, fill_levels

LEVELS = 10
Table = Literal["cifar10", "imagenet", "svhn"]


def auto_augment(table: Table, image_size: tuple[int, ...]) -> tuple[Sample, set[str]]:
    """A sampler of the two operations of a sub-policy, Identity where a probability said no; and what it can draw."""
    policies = parse(TABLES[table])
    magnitudes = tabulate({**paper_ranges(image_size), "Invert": (0, 0)}, LEVELS)
    names = torch.tensor([[OPERATIONS.index(name) for name, _, _ in pair] for pair in policies])
    chance = torch.tensor([[probability for _, probability, _ in pair] for pair in policies])
    size = torch.tensor(
        [[float(magnitudes[OPERATIONS.index(name), level]) for name, _, level in pair] for pair in policies],
        dtype=torch.float64,
    )

    def sample(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        policy = torch.randint(len(policies), (count,), generator=generator)
        on = torch.rand(count, 2, generator=generator) < chance[policy]
        negative = torch.rand(count, 2, generator=generator) < 0.5
        operation = torch.where(on, names[policy], 0)
        return operation, with_signs(operation, torch.where(on, size[policy], 0.0), negative)

    return sample, {name for pair in policies for name, _, _ in pair}


def autoaugment(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    table: Table = "cifar10",
    interpolation: Interpolation = "nearest",
    fill: Fill = 128,
    padding: Annotated[int, Ge(0)] = 4,
    flip: Probability = 0.5,
    cutout: Annotated[int, Ge(0)] = 16,
) -> Chain:
    """Crop, flip, a sub-policy of `table`, cutout (0: none)."""
    sample, drawn = auto_augment(table, image_size)
    levels = fill_levels(fill, mean, input_channels)
    policy = Operations(sample, drawn, image_size=image_size, fill=levels, interpolation=interpolation)
    return framed(
        policy,
        image_size=image_size,
        input_channels=input_channels,
        mean=mean,
        padding=padding,
        flip=flip,
        cutout=cutout,
    )
