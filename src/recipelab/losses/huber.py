"""Huber's loss, for regression: quadratic near the target, linear beyond delta (Huber 1964).

d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2), as torch's huber_loss; the mean over a sample's targets.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Gt
from torch import Tensor


class Huber:
    """One loss a sample. delta: where it becomes linear, in the targets' units."""

    task = "regression"

    def __init__(self, *, delta: Annotated[float, Gt(0)] = 1.0) -> None:
        self.delta = delta

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Predictions (B, T) of any float type and targets (B, T) float32 -> (B,) float32."""
        return F.huber_loss(predictions.float(), targets, reduction="none", delta=self.delta).mean(1)
