"""Top-k accuracy for any k: the label is among the k largest logits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros


class TopK:
    """Shares of samples, in [0, 1], by name `top<k>`.

    ks: every k, from 1 to the number of classes. device: where the sums are kept.
    """

    def __init__(self, ks: list[int], device: torch.device | str) -> None:
        self.ks = ks
        self.totals = zeros(len(ks) + 1, device)  # hits of each k, samples
        self.kept: list[Tensor] = []

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, K), labels (B,) int64. Of equal logits `torch.topk` chooses."""
        found = logits.topk(max(self.ks), dim=1).indices == labels[:, None]
        hits = [found[:, :k].sum() for k in self.ks]
        self.totals[:-1] += torch.stack(hits).to(self.totals.dtype)
        self.totals[-1] += len(labels)

    def result(self, totals: NDArray[np.float64]) -> Result:
        """top<k> of each k."""
        return {f"top{k}": float(hits / totals[-1]) for k, hits in zip(self.ks, totals[:-1], strict=True)}
