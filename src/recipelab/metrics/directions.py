"""Which way the metrics by name are better; apart from the meters, so that knowing it does not import torch."""

from __future__ import annotations

import re

LOWER_IS_BETTER = frozenset({"nll", "ece", "mse", "mae", "rmse"})
HIGHER_IS_BETTER = frozenset({"accuracy", "f1", "auroc", "precision", "recall", "r2", "pearson"})
TOP = re.compile(r"top([1-9]\d*)")


def higher_is_better(name: str) -> bool | None:
    """Whether more of a metric is better; None for one of the user's, which the name alone does not tell."""
    if name in LOWER_IS_BETTER:
        return False
    return True if name in HIGHER_IS_BETTER or TOP.fullmatch(name) else None
