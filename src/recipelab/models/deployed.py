"""A trained network as it is handed on: preprocessing before it, and its logits divided by a temperature.

A temperature changes how sure the classes' probabilities are, and no prediction (Guo, Pleiss, Sun, Weinberger 2017,
arXiv 1706.04599, section 4.2): softmax(logits / T).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalized(nn.Module):
    """Images as they are stored, (B, *S, C) uint8 or float32, to what the network sees: (B, C, *S) float32.

    (x / unit - mean) / std per channel, by the same multiplication and addition as in training
    (`recipelab.augment.normalize`), so that every bit is the same.

    mean, std: per channel, of images divided by `unit`. unit: 255 for bytes, 1 for float images.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], *, unit: float = 255) -> None:
        super().__init__()
        exact_mean, exact_std = torch.tensor([list(mean), list(std)], dtype=torch.float64)
        self.register_buffer("scale", (1 / (unit * exact_std)).float())
        self.register_buffer("shift", (-exact_mean / exact_std).float())

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return (images.float() * self.scale + self.shift).movedim(-1, 1).contiguous()


class Deployed(nn.Module):
    """model(prepare(images)) / temperature: (B, K) float32.

    model: in eval mode. prepare: what is done to images before it; None: it takes them as they come.
    temperature: > 0; 1 leaves the outputs as they are.
    """

    def __init__(self, model: nn.Module, prepare: nn.Module | None = None, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.model, self.prepare, self.temperature = model, prepare, temperature
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        """images: what `prepare` takes, or (B, C, *S) float32 without one."""
        seen = images if self.prepare is None else self.prepare(images)
        outputs: Tensor = self.model(seen)
        return outputs if self.temperature == 1 else outputs / self.temperature
