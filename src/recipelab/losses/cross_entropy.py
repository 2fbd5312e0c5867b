"""Cross-entropy with label smoothing.

Label smoothing: Szegedy et al. 2015, "Rethinking the Inception Architecture", arXiv 1512.00567, section 7: the target
is (1 - e) one-hot + e / K over all K classes, the true one included. As in torch's cross_entropy.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor


class CrossEntropy:
    """One loss a sample, in nats.

    label_smoothing: e, in [0, 1]; 0 is plain cross-entropy, 0.1 the usual value, 1 a uniform target.
    """

    task = "classification"

    def __init__(self, *, label_smoothing: Annotated[float, Ge(0), Le(1)] = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (B, K) of any float type and labels (B,) int64 -> (B,) float32, computed in float32."""
        return F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=self.label_smoothing)
