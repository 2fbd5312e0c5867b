"""Binary cross-entropy for classes: each class a yes or no of its own (Wightman et al. 2021, arXiv 2110.00476).

The target is one-hot, smoothed to (1 - e) one-hot + e / K, as timm's BinaryCrossEntropy; the loss of a sample is the
sum over classes, so that its gradient has the size of cross-entropy's (timm's sum_classes; its default is the mean).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.losses.class_weights import ClassWeights, Counts, Weights


class BinaryCrossEntropy:
    """One loss a sample, in nats.

    label_smoothing: e. reduce: over a sample's classes. class_weights: balanced, or one a class.
    """

    task = "classification"

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Ge(0), Le(1)] = 0.0,
        reduce: Literal["sum", "mean"] = "sum",
        class_weights: Weights = None,
        num_classes: int | None = None,
        class_counts: Counts = None,
    ) -> None:
        self.label_smoothing, self.reduce = label_smoothing, reduce
        self.weigh = ClassWeights(class_weights, class_counts, num_classes)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (B, K) of any float type and labels (B,) int64 -> (B,) float32, computed in float32."""
        classes = logits.shape[1]
        target = F.one_hot(labels, classes).float()
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / classes
        losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        return self.weigh(losses.sum(1) if self.reduce == "sum" else losses.mean(1), labels)
