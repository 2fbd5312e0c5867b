"""A run's ledger, read to be drawn: with its epochs, and the views and evaluations that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.loop.load_run import Run
from recipelab.records.ledger import Ledger


@dataclass(frozen=True)
class Read:
    """One run's ledger, ready to be drawn.

    views: those asked for. epochs: step -> epochs. since: step from which on misclassifications are counted.
    """

    name: str
    run: Run
    ledger: Ledger
    views: list[str]
    epochs_of: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    since: int

    def same_steps(self, first: str, second: str) -> bool:
        """Whether two views were evaluated at the same steps."""
        there = {first, second} <= set(self.ledger.views)
        return there and bool(self.ledger.steps(first).tolist() == self.ledger.steps(second).tolist())

    def late(self, view: str) -> NDArray[np.bool_]:
        """(T, N): correctness at the evaluations that misclassification is counted over."""
        return self.ledger.correct(view)[self.ledger.steps(view) >= self.since]


def read(run: Run, views: Sequence[str], since: str) -> Read:
    """A run's ledger with the views asked for. Raises UserError for one that tells nothing of right and wrong."""
    kept = run.ledger()
    if kept.head.kind == "error":
        raise UserError(
            f"{run.path} is a regression, and recipelab ledger draws what is right and wrong"
            "\n  its errors by sample: recipelab.load_run(PATH).ledger().error()"
        )
    if not kept.views:
        raise UserError(f"{run.path} has no evaluation in its ledger yet")
    for view in views or kept.views:
        kept.correct(view)
    rows = [row for row in run.metrics if row["epoch"]]
    if not rows:
        raise UserError(f"{run.path}: metrics.csv tells of no epoch")
    each = float(rows[-1]["step"]) / float(rows[-1]["epoch"])
    timeline = Timeline(steps_per_epoch=round(each), total_steps=int(kept.steps(kept.views[0])[-1]))
    begin = min(timeline.steps(since, "--since"), timeline.total_steps)
    name = run.path.resolve().name
    return Read(name, run, kept, list(views or kept.views), lambda steps: steps / each, begin)
