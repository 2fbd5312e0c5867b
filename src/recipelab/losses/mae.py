"""Mean absolute error, for regression: the mean over a sample's targets of |prediction - target|."""

from __future__ import annotations

from torch import Tensor


class MAE:
    """One loss a sample, in the targets' units."""

    task = "regression"

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Predictions (B, T) of any float type and targets (B, T) float32 -> (B,) float32."""
        return (predictions.float() - targets).abs().mean(1)
