"""RandAugment: N operations a sample, drawn uniformly, all at one magnitude M.

Cubuk, Zoph, Shlens, Le 2019 (arXiv 1909.13719). Operation set and levels are torchvision's: 14 operations, 31 levels,
N = 2, M = 9; the sign of an operation with two directions is a coin. Published for CIFAR-10: N 1 to 3, M 4 to 20 by
network, between crop and flip and a cutout of 16 pixels (8 for CIFAR-100). What comes in from outside is grey 128, as
in the authors' code; torchvision's default is black (`fill=0`).
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
from recipelab.augment.magnitudes import Ranges, paper_ranges, tabulate, with_signs
from recipelab.augment.operations import OPERATIONS, Operations, Sample
from recipelab.augment.primitive import Probability, fill_levels
from recipelab.core.errors import UserError

LEVELS = 31


def rand_augment(num_ops: int, magnitude: int, ranges: Ranges, bins: int = LEVELS) -> Sample:
    """A sampler of `num_ops` operations of `ranges`, each equally likely, at level `magnitude` of `bins`."""
    names = torch.tensor([OPERATIONS.index(name) for name in ranges])
    table = tabulate(ranges, bins)[:, magnitude]

    def sample(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        operation = names[torch.randint(len(names), (count, num_ops), generator=generator)]
        negative = torch.rand(count, num_ops, generator=generator) < 0.5
        return operation, with_signs(operation, table[operation], negative)

    return sample


def randaugment(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    num_ops: Annotated[int, Ge(0)] = 2,
    magnitude: Annotated[int, Ge(0)] = 9,
    bins: Annotated[int, Ge(2)] = LEVELS,
    interpolation: Interpolation = "nearest",
    fill: Fill = 128,
    padding: Annotated[int, Ge(0)] = 4,
    flip: Probability = 0.5,
    cutout: Annotated[int, Ge(0)] = 16,
) -> Chain:
    """Crop, flip, `num_ops` operations at level `magnitude` (0 to bins - 1), cutout (0: none). Raises UserError."""
    if magnitude >= bins:
        raise UserError(f"augment.magnitude={magnitude}: with augment.bins={bins} the levels are 0 to {bins - 1}")
    ranges = paper_ranges(image_size)
    policy = Operations(
        rand_augment(num_ops, magnitude, ranges, bins),
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
