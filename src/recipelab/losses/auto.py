"""The loss that a task has by default; the recipe's record names the one that it stands for."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

from recipelab.losses.class_weights import Weights
from recipelab.losses.cross_entropy import CrossEntropy
from recipelab.losses.mse import MSE

BY_TASK = {"classification": CrossEntropy, "regression": MSE}


def auto(
    *, task: str, label_smoothing: Annotated[float, Ge(0), Le(1)] = 0.0, class_weights: Weights = None
) -> CrossEntropy | MSE:
    """Cross-entropy for classes, the squared error for float targets (which have no labels to be smoothed)."""
    return (
        CrossEntropy(label_smoothing=label_smoothing, class_weights=class_weights)
        if task == "classification"
        else MSE()
    )
