"""What a plot of results needs of an evaluation: the confusion matrix, or every output beside its target."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, joined, zeros


class Confusion:
    """Counts of (label, prediction).

    num_classes: K. device: where the K * K counts are kept. Read `matrix` when the pass is over.
    """

    def __init__(self, num_classes: int, device: torch.device | str) -> None:
        self.num_classes = num_classes
        self.totals = zeros(num_classes**2, device)
        self.kept: list[Tensor] = []

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, K), labels (B,) int64."""
        place = labels * self.num_classes + logits.argmax(1)
        self.totals.index_add_(0, place, torch.ones_like(place, dtype=self.totals.dtype))

    def result(self, totals: NDArray[np.float64]) -> Result:
        """Nothing that a table could hold."""
        return {}

    def matrix(self) -> NDArray[np.int64]:
        """(K, K): row the label, column the prediction."""
        counts = self.totals.cpu().numpy().astype(np.int64)
        return counts.reshape(self.num_classes, self.num_classes)


class Pairs:
    """Every output beside its target; read `arrays` when the pass is over.

    device: where they are kept till then.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.totals = zeros(0, device)
        self.kept: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Keep a batch: outputs (B, T), targets (B, T)."""
        self.kept.append(torch.stack((targets.float(), outputs.float()), dim=1))

    def result(self, totals: NDArray[np.float64]) -> Result:
        """Nothing that a table could hold."""
        return {}

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(truth, outputs), each (N, T) float32."""
        (pairs,) = joined(self.kept)
        both = pairs.cpu().numpy()
        return both[:, 0], both[:, 1]
