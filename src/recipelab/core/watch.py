"""Watching a metric: which column of a row it is, which way is better, and whether it has become better."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from recipelab.core.errors import UserError, did_you_mean

Mode = Literal["auto", "max", "min"]
LOWER_IS_BETTER = frozenset({"nll", "loss", "mse", "mae", "rmse", "huber", "ece"})


@dataclass
class Watch:
    """The best value so far of one metric of one view.

    metric: as a validation metric is named (accuracy, nll, ...), or a column of the training itself, train_loss or
        train_accuracy. view: raw, or an average. mode: which way is better; auto: down for losses and errors, else up.
    best: None before the first value that is a number.
    """

    metric: str
    view: str = "raw"
    mode: Mode = "auto"
    best: float | None = None

    @property
    def column(self) -> str:
        """Its column in a row of metrics."""
        return self.metric if self.metric.startswith("train_") else f"val_{self.view}_{self.metric}"

    @property
    def rises(self) -> bool:
        """Whether more is better."""
        if self.mode != "auto":
            return self.mode == "max"
        return self.metric.removeprefix("train_") not in LOWER_IS_BETTER

    def improved(self, row: Mapping[str, Any], *, least: float = 0.0, relative: bool = False) -> bool | None:
        """Take a row: whether its value is better than the best by more than `least`; None when it has no value.

        relative: `least` is a share of the best's absolute value. NaN never is better.
        """
        value = row.get(self.column)
        if value is None:
            return None
        if math.isnan(value):
            return False
        if self.best is not None:
            gain = (value - self.best) if self.rises else (self.best - value)
            if not gain > (least * abs(self.best) if relative else least):
                return False
        self.best = float(value)
        return True

    def refuse_unknown(self, section: str, metrics: Collection[str], views: Collection[str]) -> None:
        """Raise UserError when there is no such metric or view. section: where the keys stand, for the message."""
        if self.metric not in metrics:
            hint = did_you_mean(self.metric, metrics)
            raise UserError(
                f"{section}.metric={self.metric}: the metrics of this recipe are {', '.join(metrics)}{hint}"
            )
        if self.view not in views:
            hint = did_you_mean(self.view, views)
            raise UserError(f"{section}.view={self.view}: the views of this recipe are {', '.join(views)}{hint}")
