"""Metrics of one evaluation of a classifier: accuracy, top-5, macro and per-class F1, negative log-likelihood.

Counts live in one tensor on the device, and nothing waits for it before `compute`. torchmetrics agrees on every value
but its confusion matrix synchronises a CUDA device at each batch (bincount needs its maximum), so the counts are
ours: three index-adds and the F1 formula.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros

TOP = 5
NAMES = ("accuracy", "top5", "f1", "f1_per_class", "nll")
FURTHER = ("precision", "recall", "precision_per_class", "recall_per_class")


class ClassificationMetrics:
    """Accumulates over batches; one instance is one pass over one split.

    num_classes: K.
    device: where the counts are kept: the model's.
    further: of FURTHER, what is computed from the same counts when asked for.

    `totals` is all the state, one flat tensor of sums: several ranks add theirs up with one all-reduce.
    """

    def __init__(self, num_classes: int, device: torch.device | str, further: Collection[str] = ()) -> None:
        self.num_classes = num_classes
        self.further = further
        # K hits, K predictions, K labels, one entry per class each; then the sum of the NLL and of top-5 hits.
        self.totals = zeros(3 * num_classes + 2, device)
        self.kept: list[Tensor] = []

    @torch.no_grad()
    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, K) of any float type, labels (B,) int64 in [0, K), both on the device."""
        predictions = logits.argmax(1)
        hits = (predictions == labels).to(self.totals.dtype)
        ones = torch.ones_like(hits)
        index = torch.cat((labels, predictions + self.num_classes, labels + 2 * self.num_classes))
        self.totals.index_add_(0, index, torch.cat((hits, ones, ones)))
        nll = F.cross_entropy(logits.float(), labels, reduction="none")
        self.totals[-2].add_(nll.sum(dtype=self.totals.dtype))
        if self.num_classes > TOP:
            self.totals[-1].add_((logits.topk(TOP, dim=1).indices == labels[:, None]).sum())

    def compute(self) -> Result:
        """The metrics as plain numbers: the one place that waits for the device. See `result`."""
        return self.result(np.asarray(self.totals.tolist()))

    def result(self, totals: NDArray[np.float64]) -> Result:
        """The metrics from the counts.

        accuracy, top5: shares in [0, 1]; top5 only with more than five classes. Of equal logits the first wins.
        f1: the mean of the classes' F1 = 2 hits / (predictions + labels), over the classes that occur among the
            labels or the predictions (scikit-learn's f1_score(average="macro", zero_division=0)).
        f1_per_class: K values in label order; 0 for a class that occurs in neither.
        nll: mean cross-entropy without smoothing, in nats; nan or inf if the model gives non-finite logits.
        precision, recall: likewise hits / predictions and hits / labels, 0 where there are none of these.

        Raises ValueError when nothing was counted.
        """
        hits, predicted, actual = totals[:-2].reshape(3, self.num_classes)
        nll, top5 = totals[-2:]
        samples = actual.sum()
        if samples == 0:
            raise ValueError("no samples were counted: metrics of an empty split")
        occurs = predicted + actual > 0
        result: Result = {"accuracy": float(hits.sum() / samples)}
        if self.num_classes > TOP:
            result["top5"] = float(top5 / samples)
        per_class = {"f1": _share(2 * hits, predicted + actual)}
        result |= {"f1": float(per_class["f1"][occurs].mean()), "f1_per_class": per_class["f1"].tolist()}
        result["nll"] = float(nll / samples)
        per_class |= {"precision": _share(hits, predicted), "recall": _share(hits, actual)}
        for name in self.further:
            values = per_class[name.removesuffix("_per_class")]
            result[name] = values.tolist() if name.endswith("_per_class") else float(values[occurs].mean())
        return result


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, and 0 where there is no whole."""
    return part / np.where(whole > 0, whole, 1)
