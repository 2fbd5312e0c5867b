"""Squared error: the usual loss of a regression, the log-likelihood of a normal distribution up to constants."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


class MSE:
    """One loss a sample: the mean of its targets' squared errors, in the square of their unit."""

    task = "regression"

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Outputs (B, T) of any float type and targets (B, T) float32 -> (B,) float32, computed in float32."""
        return F.mse_loss(outputs.float(), targets, reduction="none").mean(1)
