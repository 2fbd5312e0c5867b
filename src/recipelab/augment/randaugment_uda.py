"""The RandAugment that came with Unsupervised Data Augmentation: two of 15 operations, each with probability 1/2.

Xie, Dai, Hovy, Luong, Le 2019 (arXiv 1904.12848), for CIFAR; widely run under the name RandAugment. Unlike the paper
of that name (`randaugment`) it draws a magnitude, 1 to 9 of 9, and applies each operation only half of the time.
At level 9: shear 0.3, translation 150/331 of an edge, rotation +30 degrees (one way only), posterize 4 bits, solarize
0, enhancements 0.9 either way, cutout 20 pixels; in between linear. Grey 128 comes in from outside.
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

LEVELS = 10  # 0 is not drawn


def uda_ranges(image_size: tuple[int, ...]) -> Ranges:
    """The 15 operations with their magnitudes at levels 0 and 9."""
    known = {name: ends for name, ends in paper_ranges(image_size).items() if name != "Identity"}
    return {**known, "Solarize": (256, 0), "Invert": (0, 0), "Cutout": (0, 20)}


def uda_augment(num_ops: int, p: float, ranges: Ranges) -> Sample:
    """A sampler of `num_ops` operations of `ranges` at levels 1 to 9, each Identity with probability 1 - p."""
    names = torch.tensor([OPERATIONS.index(name) for name in ranges])
    table = tabulate(ranges, LEVELS)
    rotate = OPERATIONS.index("Rotate")

    def sample(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        shape = (count, num_ops)
        operation = names[torch.randint(len(names), shape, generator=generator)]
        level = torch.randint(1, LEVELS, shape, generator=generator)
        negative = (torch.rand(shape, generator=generator) < 0.5) & (operation != rotate)
        on = torch.rand(shape, generator=generator) < p
        magnitude = with_signs(operation, table[operation, level], negative)
        return torch.where(on, operation, 0), torch.where(on, magnitude, 0.0)

    return sample


def randaugment_uda(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    num_ops: Annotated[int, Ge(0)] = 2,
    p: Probability = 0.5,
    interpolation: Interpolation = "nearest",
    fill: Fill = 128,
    padding: Annotated[int, Ge(0)] = 4,
    flip: Probability = 0.5,
    cutout: Annotated[int, Ge(0)] = 16,
) -> Chain:
    """Crop, flip, `num_ops` operations with probability `p` each, cutout (0: none)."""
    ranges = uda_ranges(image_size)
    policy = Operations(
        uda_augment(num_ops, p, ranges),
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
