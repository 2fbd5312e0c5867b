"""Metrics of one evaluation of a classifier: accuracy, top-5, macro and per-class F1, negative log-likelihood.

Counts live in one tensor on the device, and nothing waits for it before `compute`. torchmetrics agrees on every value
but its confusion matrix synchronises a CUDA device at each batch (bincount needs its maximum), so the counts are
ours: three index-adds and the F1 formula.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

TOP = 5


class ClassificationMetrics:
    """Accumulates over batches; one instance is one pass over one split.

    num_classes: K.
    device: where the counts are kept: the model's.

    `totals` is all the state, one flat tensor of sums: several ranks add theirs up with one all-reduce.
    """

    def __init__(self, num_classes: int, device: torch.device | str) -> None:
        self.num_classes = num_classes
        # K hits, K predictions, K labels, one entry per class each; then the sum of the NLL and of top-5 hits.
        # float64 counts exactly and makes batch sizes equal to rounding; Apple's GPU has none.
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self.totals = torch.zeros(3 * num_classes + 2, dtype=dtype, device=device)
        self._nll, self._top5 = self.totals[-2:].unbind()

    @torch.no_grad()
    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, K) of any float type, labels (B,) int64 in [0, K), both on the device."""
        predictions = logits.argmax(1)
        hits = (predictions == labels).to(self.totals.dtype)
        ones = torch.ones_like(hits)
        index = torch.cat((labels, predictions + self.num_classes, labels + 2 * self.num_classes))
        self.totals.index_add_(0, index, torch.cat((hits, ones, ones)))
        nll = F.cross_entropy(logits.float(), labels, reduction="none")
        self._nll.add_(nll.sum(dtype=self.totals.dtype))
        if self.num_classes > TOP:
            self._top5.add_((logits.topk(TOP, dim=1).indices == labels[:, None]).sum())

    def compute(self) -> dict[str, float | list[float]]:
        """The metrics as plain numbers: the one place that waits for the device.

        accuracy, top5: shares in [0, 1]; top5 only with more than five classes. Of equal logits the first wins.
        f1: the mean of the classes' F1 = 2 hits / (predictions + labels), over the classes that occur among the
            labels or the predictions (scikit-learn's f1_score(average="macro", zero_division=0)).
        f1_per_class: K values in label order; 0 for a class that occurs in neither.
        nll: mean cross-entropy without smoothing, in nats; nan or inf if the model gives non-finite logits.

        Raises ValueError when nothing was counted.
        """
        totals = np.asarray(self.totals.tolist())
        hits, predicted, actual = totals[:-2].reshape(3, self.num_classes)
        nll, top5 = totals[-2:]
        samples = actual.sum()
        if samples == 0:
            raise ValueError("no samples were counted: metrics of an empty split")
        occurs = predicted + actual > 0
        f1 = 2 * hits / np.where(occurs, predicted + actual, 1)
        result: dict[str, float | list[float]] = {"accuracy": float(hits.sum() / samples)}
        if self.num_classes > TOP:
            result["top5"] = float(top5 / samples)
        return result | {"f1": float(f1[occurs].mean()), "f1_per_class": f1.tolist(), "nll": float(nll / samples)}
