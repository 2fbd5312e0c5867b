"""Cross-entropy with label smoothing.

Label smoothing: Szegedy et al. 2015, "Rethinking the Inception Architecture", arXiv 1512.00567, section 7: the target
is (1 - e) one-hot + e / K over all K classes, the true one included. As in torch's cross_entropy.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.losses.class_weights import ClassWeights, Counts, Weights


class CrossEntropy:
    """One loss a sample, in nats.

    label_smoothing: e, in [0, 1]; 0 is plain cross-entropy, 0.1 the usual value, 1 a uniform target.
    class_weights: balanced, or one a class (class_weights.py). num_classes, class_counts: facts of the data.
    """

    task = "classification"

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Ge(0), Le(1)] = 0.0,
        class_weights: Weights = None,
        num_classes: int | None = None,
        class_counts: Counts = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self.weigh = ClassWeights(class_weights, class_counts, num_classes)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (B, K) of any float type and labels (B,) int64 -> (B,) float32, computed in float32."""
        losses = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=self.label_smoothing)
        return self.weigh(losses, labels)
