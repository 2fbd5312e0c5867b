"""Weights by class, for data in which some classes are rare.

"balanced": w_c = N / (K n_c), as scikit-learn's compute_class_weight; every class then weighs the same in an epoch. A
sample's loss is multiplied by its class's weight, and the batch's mean is over its samples, so that a sample's loss
does not depend on its batch (torch's reduction divides by the batch's weights instead).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.core.errors import UserError

Weights = Literal["balanced"] | Sequence[Annotated[float, Ge(0)]] | None
Counts = Sequence[int] | None


def class_weights(weights: Weights, counts: Counts, classes: int | None) -> Tensor | None:
    """Weights (K,) float32, or None for all alike.

    weights: as the recipe has it. counts: samples a class of the training split, None before the data are read.
    classes: K. Of unknown counts nothing is balanced yet, and a class without samples weighs nothing.

    Raises UserError when the number of weights is not the number of classes, or all are 0.
    """
    if weights is None or (weights == "balanced" and counts is None):
        return None
    if weights == "balanced":
        assert counts is not None
        found = torch.tensor(list(counts), dtype=torch.float64)
        return torch.where(found > 0, found.sum() / (len(found) * found.clamp(min=1)), 0.0).float()
    given = torch.tensor([float(w) for w in weights])
    if classes is not None and len(given) != classes:
        raise UserError(
            f"loss.class_weights has {len(given)} values for {classes} classes\n  give one a class, or balanced"
        )
    if not given.any():
        raise UserError("loss.class_weights are all 0: nothing would be learnt")
    return given


class ClassWeights:
    """The weight of each sample by its label; on the labels' device from the first call on."""

    def __init__(self, weights: Weights, counts: Counts, classes: int | None) -> None:
        self.weights = class_weights(weights, counts, classes)

    def __call__(self, losses: Tensor, labels: Tensor) -> Tensor:
        """losses (B,) float32 times the weight of labels (B,) int64."""
        if self.weights is None:
            return losses
        if self.weights.device != losses.device:
            self.weights = self.weights.to(losses.device)
        return losses * self.weights[labels]
