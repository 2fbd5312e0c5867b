"""No augmentation: the images as they are stored."""

from __future__ import annotations

import torch
from torch import Tensor


class NoAugment:
    """The identity, drawing nothing; interacts with nothing."""

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """No draws, whatever the count."""
        return {}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """`images` (B, C, *S) uint8, unchanged and not copied."""
        return images
