"""The best evaluation so far of each view, and the checkpoints that hold their weights.

Every view has a best of its own, by the same metric: `best.pt` holds the raw weights of theirs, `best_ema_0.999.pt`
those of that average, which may be of another step. So averages of one training are compared as if each had been
trained alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.records.record import Record

BEST = "best"


@dataclass
class Best:
    """The best evaluation so far, by one metric of one view; equal values are told apart by another metric.

    lower: whether a lower value is better. tie_metric: lower is better, as of the NLL.
    step: when it was, 0 before the first. value, tie: of the watched view then.
    """

    metric: str
    view: str = "raw"
    lower: bool = False
    tie_metric: str = "nll"
    step: int = 0
    value: float | None = None
    tie: float | None = None

    def offer(self, row: Mapping[str, float], step: int) -> bool:
        """Take an evaluation's row if it is better than the best so far; NaN never is."""
        value, tie = row[f"val_{self.view}_{self.metric}"], row[f"val_{self.view}_{self.tie_metric}"]
        if math.isnan(value) or math.isnan(tie):
            return False
        sign = -1 if self.lower else 1
        if self.value is not None and self.tie is not None and (sign * value, -tie) <= (sign * self.value, -self.tie):
            return False
        self.step, self.value, self.tie = step, value, tie
        return True


Bests = Mapping[str, Best]
"""The best of each view, by its name."""


def checkpoint_of(view: str) -> str:
    """The checkpoint that holds the best weights of a view."""
    return BEST if view == "raw" else f"{BEST}_{view}"


def bests_of(views: Iterable[str], metric: str, *, lower: bool, tie_metric: str) -> dict[str, Best]:
    """No evaluation yet, of any view."""
    return {view: Best(metric, view, lower=lower, tie_metric=tie_metric) for view in views}


def kept_views(record: Record, checkpoint: str) -> tuple[dict[str, Mapping[str, Tensor]], dict[str, int]]:
    """The weights of every view of a checkpoint on the CPU, and the step of each.

    `best` is the best of each view, out of a file each. Raises UserError when there is none, or one cannot be read.
    """
    files = [checkpoint]
    if checkpoint == BEST:
        files += sorted(name for name in record.checkpoints() if name.startswith(f"{BEST}_"))
    weights: dict[str, Mapping[str, Tensor]] = {}
    steps: dict[str, int] = {}
    for file in files:
        content: dict[str, Any] = record.load_checkpoint(file)
        if not isinstance(content.get("views"), dict) or not isinstance(content.get("step"), int):
            raise UserError(f"{record.path}: checkpoint {file} has no views or no step: no training wrote it")
        found = {str(content.get("view", "raw")): content["model"], **content["views"]}
        weights.update(found)
        steps.update(dict.fromkeys(found, content["step"]))
    return weights, steps
