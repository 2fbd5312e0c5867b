"""Focal loss: (1 - p)^gamma times the cross-entropy, p the probability of the true class.

Lin et al. 2017, "Focal loss for dense object detection", arXiv 1708.02002, equation 4, over a softmax; their gamma is
2. Their alpha is here class_weights.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from recipelab.losses.class_weights import ClassWeights, Counts, Weights


class Focal:
    """One loss a sample, in nats. gamma: 0 is cross-entropy. class_weights: balanced, or one a class."""

    task = "classification"

    def __init__(
        self,
        *,
        gamma: Annotated[float, Ge(0)] = 2.0,
        class_weights: Weights = None,
        num_classes: int | None = None,
        class_counts: Counts = None,
    ) -> None:
        self.gamma = gamma
        self.weigh = ClassWeights(class_weights, class_counts, num_classes)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (B, K) of any float type and labels (B,) int64 -> (B,) float32, computed in float32."""
        nll = F.cross_entropy(logits.float(), labels, reduction="none")
        # 1 - p can round to 0, at which a power below 1 has no slope
        rest = -(-nll).expm1().clamp(max=-1e-12)
        return self.weigh(rest**self.gamma * nll, labels)
