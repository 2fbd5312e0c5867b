"""A data slot and a model of the benchmarks' own, written as a user would write theirs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from recipelab.data.pool import Pool, Say


class Synthetic:
    """Noise of the CIFAR shape, ten classes: uint8 RGB images of 32x32 pixels. Speed does not depend on what is shown.

    train: samples before the validation part is split off. test: samples of the test part.
    """

    def __init__(self, *, train: int = 50_000, test: int = 10_000) -> None:
        self.train, self.test = train, test

    def facts(self) -> dict[str, object]:
        """Those of CIFAR-10."""
        return {"task": "classification", "num_classes": 10, "input_channels": 3, "image_size": (32, 32)}

    def load(self, say: Say) -> tuple[Pool, Pool]:
        """(train, test), the same bytes each time."""
        return _noise(self.train, 0), _noise(self.test, 1)


class Tiny(nn.Module):
    """One strided convolution and a linear layer: a step so short that what a loop adds to it shows.

    width: channels of the convolution.
    """

    def __init__(self, *, num_classes: int, input_channels: int, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(input_channels, width, kernel_size=3, stride=4, padding=1)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits (B, K)."""
        return self.head(self.conv(images).relu().mean((2, 3)))


def _noise(count: int, seed: int) -> Pool:
    bytes_ = np.random.default_rng(seed).integers(256, size=(count, 32, 32, 3), dtype=np.uint8)
    return Pool(torch.from_numpy(bytes_), torch.arange(count) % 10)
