"""Area under the ROC curve, one class against the rest, by the rank statistic of Mann and Whitney 1947.

Of P positives and N negatives, with R the sum of the positives' ranks (ties share their mean rank),

    AUROC = (R - P (P + 1) / 2) / (P N)

which is the area under scikit-learn's `roc_curve`, ties included. The mean over the classes is their macro average.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """Area under the ROC curve (0-dim float64): scores (N,) float, positive (N,) bool; nan without both kinds."""
    ordered = scores.sort().values
    chosen = scores[positive]
    first, last = (torch.searchsorted(ordered, chosen, side=side) for side in ("left", "right"))
    ranks = (first + last + 1).double() / 2
    count = positive.sum().double()
    return (ranks.sum() - count * (count + 1) / 2) / (count * (len(scores) - count))


class AUROC:
    """`auroc`, the mean over the classes that have samples of both kinds, and `auroc_per_class` when asked for.

    num_classes: K. device: where the model is. per_class: give the K values, too; nan for a class of one kind only.

    Keeps the log-probabilities of every sample, (N, K) float32 on the device, until `result`: a sum cannot tell the
    exact area. The order of log-probabilities is that of probabilities, and large ones do not round to 1 together.
    """

    def __init__(self, num_classes: int, device: torch.device | str, *, per_class: bool = False) -> None:
        self.num_classes = num_classes
        self.per_class = per_class
        self.totals = zeros(0, device)
        self.kept: list[Tensor] = []

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Keep a batch: logits (B, K) of any float type, labels (B,) int64. The label goes into one more column."""
        scores = logits.float().log_softmax(1)
        self.kept.append(torch.cat((scores, labels[:, None].float()), dim=1))  # float32 holds labels up to 2^24

    def result(self, totals: NDArray[np.float64]) -> Result:
        """The areas; one class at a time, so that no more than a column is sorted at once."""
        kept = torch.cat(self.kept)
        labels = kept[:, -1].long()
        areas = [auroc(kept[:, label], labels == label) for label in range(self.num_classes)]
        values = torch.stack(areas).tolist()
        known = [value for value in values if not math.isnan(value)]
        result: Result = {"auroc": sum(known) / len(known) if known else math.nan}
        return result | ({"auroc_per_class": values} if self.per_class else {})
