"""Metrics of one evaluation of a regression: MSE, MAE, RMSE, R2 and Pearson's correlation.

All come from seven sums a target, in float64 on the device; nothing waits for it before the end. Over several targets
each is the mean of the targets' (scikit-learn's and torchmetrics' "uniform_average"), RMSE the root of that MSE.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros

NAMES = ("mse", "mae", "rmse", "r2", "pearson", "mae_per_target", "r2_per_target")
_SUMS = 7


class RegressionMetrics:
    """Accumulates over batches; one instance is one pass over one split.

    targets: T. device: where the sums are kept: the model's.
    """

    def __init__(self, targets: int, device: torch.device | str) -> None:
        self.targets = targets
        self.totals = zeros(_SUMS * targets + 1, device)
        self.kept: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch: outputs (B, T) of any float type, targets (B, T) float32, both on the device."""
        guess, truth = outputs.to(self.totals.dtype), targets.to(self.totals.dtype)
        error = guess - truth
        columns = (error.abs(), error**2, truth, truth**2, guess, guess**2, guess * truth)
        self.totals[:-1] += torch.stack([column.sum(0) for column in columns]).flatten()
        self.totals[-1] += len(targets)

    def result(self, totals: NDArray[np.float64]) -> Result:
        """The metrics from the sums, in the units of the targets (MSE in their square).

        r2: 1 - squared errors / squared deviations of the truth from its mean; pearson: of outputs and truth. Both are
        nan for a target that does not vary (or, pearson, outputs that do not).
        mae_per_target, r2_per_target: T values, when there are several targets.

        Raises ValueError when nothing was counted.
        """
        count = totals[-1]
        if count == 0:
            raise ValueError("no samples were counted: metrics of an empty split")
        absolute, squared, truth, truth2, guess, guess2, product = totals[:-1].reshape(_SUMS, self.targets)
        spread_truth, spread_guess = (_spread(one, two, count) for one, two in ((truth, truth2), (guess, guess2)))
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = 1 - squared / spread_truth
            pearson = (product - truth * guess / count) / np.sqrt(spread_truth * spread_guess)
        mse = float((squared / count).mean())
        result: Result = {
            "mse": mse,
            "mae": float((absolute / count).mean()),
            "rmse": math.sqrt(mse),
            "r2": float(r2.mean()),
            "pearson": float(np.clip(pearson, -1, 1).mean()),
        }
        if self.targets > 1:
            result |= {"mae_per_target": (absolute / count).tolist(), "r2_per_target": r2.tolist()}
        return result


def _spread(first: NDArray[np.float64], second: NDArray[np.float64], count: float) -> NDArray[np.float64]:
    """Sum of squared deviations from the mean, from the sum and the sum of squares; nan where it is only rounding."""
    spread = second - first**2 / count
    return np.where(spread > 1e-12 * second, spread, np.nan)
