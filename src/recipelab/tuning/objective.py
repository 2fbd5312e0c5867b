"""What makes one trial better than another, read from its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

COSTS = {
    "seconds": "seconds of training",
    "parameters": "parameters",
    "flops": "FLOP an image",
    "peak_device_memory_mb": "MB of device memory",
}
"""What a trial costs, as its result.json says it; less is better."""


@dataclass(frozen=True)
class Goal:
    """One objective. rises: more is better. column: of metrics.csv; None for a cost."""

    name: str
    rises: bool
    column: str | None

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """As Optuna calls it."""
        return "maximize" if self.rises else "minimize"


@dataclass(frozen=True)
class Objective:
    """All goals of a search. at: `final` counts the last evaluation, `best` the best one."""

    goals: tuple[Goal, ...]
    at: Literal["final", "best"] = "final"

    def curve(self, rows: Sequence[Mapping[str, Any]]) -> list[float]:
        """The first goal's value at every evaluation so far; what pruning looks at."""
        column = self.goals[0].column
        return [] if column is None else [float(row[column]) for row in rows if row.get(column) is not None]

    def values(self, rows: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> list[float] | None:
        """One value a goal of a finished run; None where one is missing or no finite number."""
        found = []
        for goal in self.goals:
            if goal.column is None:
                value = result.get(goal.name)
            else:
                curve = [float(row[goal.column]) for row in rows if row.get(goal.column) is not None]
                curve = curve[-1:] if self.at == "final" else [v for v in curve if math.isfinite(v)]
                value = (max if goal.rises else min)(curve, default=None)
            if not isinstance(value, int | float) or not math.isfinite(value):
                return None
            found.append(float(value))
        return found
