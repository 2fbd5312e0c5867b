"""Mirror images: along one axis with a probability, or alternately from epoch to epoch.

Alternating flip: K. Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU (arXiv 2404.00498), section 3.6: in
the first epoch a fixed half of the images is mirrored, in every second one after it the other half, so that two
epochs in a row show each image both ways. Which half an image belongs to is a hash of its index in the training split.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.augment.noise import hash_numbers
from recipelab.augment.primitive import Primitive, Probability, apply_where
from recipelab.core.errors import UserError


def flip(images: Tensor, axis: int) -> Tensor:
    """images (B, C, *S) of any type, mirrored along spatial axis `axis`; -1 is left and right."""
    pixels = images.movedim(1, -1).contiguous()
    return pixels.flip(1 + axis if axis >= 0 else axis - 1).movedim(-1, 1)


def horizontal_flip(*, p: Probability = 0.5) -> Primitive:
    """Left becomes right: the last spatial axis, in 1, 2 and 3 dimensions."""
    return Primitive("flip", lambda images: flip(images, -1), {}, p)


def vertical_flip(*, image_size: tuple[int, ...], p: Probability = 0.5) -> Primitive:
    """Top becomes bottom: the last spatial axis but one, in 2 and 3 dimensions. Raises UserError in one."""
    if len(image_size) < 2:
        raise UserError("augment: vertical_flip takes images of 2 or 3 dimensions, and these have 1")
    return Primitive("vertical flip", lambda images: flip(images, -2), {}, p)


class AlternatingFlip:
    """Mirror each image in every second epoch along the last spatial axis.

    offset: epochs that the alternation is shifted by.
    """

    def __init__(self, *, offset: Annotated[int, Ge(0)] = 0) -> None:
        self.offset = offset

    def draw_epoch(self, order: Tensor, epoch: int, generator: torch.Generator) -> dict[str, Tensor]:
        """flip (N,) bool, from sample and epoch alone; draws nothing."""
        return {"flip": (hash_numbers(order) + epoch + self.offset) % 2 == 1}

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The draws of epoch 0 for samples in the order stored."""
        return self.draw_epoch(torch.arange(count), 0, generator)

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, *S) of any type, mirrored where the draw says so."""
        return apply_where(images, draws["flip"], lambda chosen: flip(chosen, -1))

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """Which samples are mirrored."""
        return ["flip" if on else "" for on in draws["flip"].tolist()]
