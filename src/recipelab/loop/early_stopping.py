"""Early stopping: the training ends when a metric has not improved for `patience` evaluations (Prechelt 1998)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipelab.core.watch import Mode, Watch


class EarlyStopping:
    """Counts evaluations without a value that beats the best by more than `min_delta` (in the metric's units).

    stopped: whether there have been `patience` of them in a row.
    """

    def __init__(self, *, metric: str, view: str, mode: Mode, patience: int, min_delta: float) -> None:
        self.watch = Watch(metric, view, mode)
        self.patience, self.min_delta = patience, min_delta
        self.bad = 0

    @property
    def stopped(self) -> bool:
        """Whether the training ends here."""
        return self.bad >= self.patience

    def observe(self, row: Mapping[str, Any], step: int) -> None:
        """Take a row of metrics; rows without the metric are passed over."""
        better = self.watch.improved(row, least=self.min_delta)
        if better is not None:
            self.bad = 0 if better else self.bad + 1

    def state(self) -> dict[str, Any]:
        """What going on needs, in plain numbers."""
        return {"best": self.watch.best, "bad": self.bad}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.watch.best, self.bad = state["best"], state["bad"]
