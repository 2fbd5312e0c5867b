"""Expected calibration error: Guo, Pleiss, Sun, Weinberger 2017, On calibration of modern neural networks,
arXiv 1706.04599, equation 3:

    ECE = sum over bins m of |B_m| / n * |accuracy(B_m) - confidence(B_m)|

over 15 bins ((m - 1) / 15, m / 15] of the confidence, the largest probability (the paper's number of bins).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros

BINS = 15


class CalibrationError:
    """`ece`, in [0, 1], from three sums a bin: no score is kept.

    device: where the sums are kept.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.totals = zeros(3 * BINS, device)  # samples, hits and confidences of each bin
        self.kept: list[Tensor] = []

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, K) of any float type, labels (B,) int64."""
        confidence, guess = logits.double().softmax(1).max(1)
        place = (confidence * BINS).ceil().long().sub_(1).clamp_(0, BINS - 1)
        hits = (guess == labels).to(self.totals.dtype)
        values = torch.cat((torch.ones_like(hits), hits, confidence.to(self.totals.dtype)))
        self.totals.index_add_(0, torch.cat((place, place + BINS, place + 2 * BINS)), values)

    def result(self, totals: NDArray[np.float64]) -> Result:
        """The error; nan when a model gives logits that are not finite."""
        samples, hits, confidence = totals.reshape(3, BINS)
        return {"ece": float(np.abs(hits - confidence).sum() / samples.sum())}
