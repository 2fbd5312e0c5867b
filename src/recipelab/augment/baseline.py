"""The baseline augmentation of small images: random crop and horizontal flip.

Source: He et al. 2015 (arXiv 1512.03385), section 4.2, for CIFAR-10: 4 pixels of zero padding, a random crop of the
original size, a horizontal flip with probability 0.5. The pixels are those of `crop_flip.pad_crop_flip`; the draws are
one offset per sample and dimension, uniform over the 2 * padding + 1 places, and one uniform number per sample: below
`flip`, it is mirrored. Interactions: before every other augmentation, and before normalisation, which stays outside.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.augment.crop_flip import PaddingMode, check_padding, pad_crop_flip


class Baseline:
    """Random crop from the padded image, then a random mirror image.

    image_size: spatial sizes (a fact of the data).
    padding: pixels added to both ends of every spatial dimension. Scale it with the image: 4 was published for 32x32.
    padding_mode: "zeros" (black), "reflect" (needs images larger than `padding` in every dimension), or a grey level.
    flip: probability of mirroring along the last spatial dimension; 0 where left and right matter (digits, text).

    Raises UserError when images of this size cannot be padded so.
    """

    def __init__(
        self,
        *,
        image_size: tuple[int, ...],
        padding: Annotated[int, Ge(0)] = 4,
        padding_mode: PaddingMode = "zeros",
        flip: Annotated[float, Ge(0), Le(1)] = 0.5,
    ) -> None:
        check_padding(padding, padding_mode, image_size)
        self.dims = len(image_size)
        self.padding = padding
        self.padding_mode = padding_mode
        self.flip = flip

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """offsets (count, D) int64 in [0, 2 * padding], and flip (count,) bool."""
        offsets = torch.randint(2 * self.padding + 1, (count, self.dims), generator=generator)
        return {"offsets": offsets, "flip": torch.rand(count, generator=generator) < self.flip}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, *S) uint8 -> cropped and mirrored images of the same shape and type."""
        return pad_crop_flip(
            images, draws["offsets"], draws["flip"], padding=self.padding, padding_mode=self.padding_mode
        )

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """How far each sample is moved, and whether it is mirrored: (B,) strings."""
        moves = [self._moved(row) for row in (draws["offsets"] - self.padding).tolist()]
        flips = ["flip" if on else "" for on in draws["flip"].tolist()]
        return [", ".join(filter(None, pair)) for pair in zip(moves, flips, strict=True)]

    @staticmethod
    def _moved(shift: list[int]) -> str:
        return f"crop {','.join(f'{step:+d}' for step in shift)}" if any(shift) else ""


def crop(
    *, image_size: tuple[int, ...], padding: Annotated[int, Ge(0)] = 4, padding_mode: PaddingMode = "zeros"
) -> Baseline:
    """The random crop alone."""
    return Baseline(image_size=image_size, padding=padding, padding_mode=padding_mode, flip=0.0)
