"""What the trials of a search came to, as plain data: a row a trial, the best, the front, what mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.trial import FrozenTrial, TrialState

from recipelab.tuning.book import Book, origin
from recipelab.tuning.objective import COSTS, Objective
from recipelab.tuning.quiet import quiet
from recipelab.tuning.space import Param

WORDS = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
# Watanabe, Bansal, Hutter 2023, arXiv 2304.10255; Hutter, Hoos, Leyton-Brown 2014; Louppe et al. 2013
EVALUATORS: dict[str, type[BaseImportanceEvaluator]] = {
    "ped_anova": PedAnovaImportanceEvaluator,
    "fanova": FanovaImportanceEvaluator,
    "mdi": MeanDecreaseImpurityImportanceEvaluator,
}
FEWEST = 4  # finished trials from which importances are estimated


@dataclass(frozen=True)
class Row:
    """A trial. number: of its origin. state: finished, pruned, failed, running, waiting. values: one a metric.

    evaluations: how many were told. repeats: how often it was begun again. record: below the search's folder.
    """

    number: int
    state: str
    values: tuple[float, ...]
    params: Mapping[str, Any]
    evaluations: int
    repeats: int
    seconds: float | None = None
    record: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A search so far. best: numbers of the winner, or of the Pareto front of several metrics, the first metric's best
    first. importances: parameter -> share of 1, of the first metric."""

    rows: tuple[Row, ...]
    best: tuple[int, ...]
    importances: Mapping[str, float] = field(default_factory=dict)

    def row(self, number: int) -> Row:
        """The row of a trial."""
        return next(row for row in self.rows if row.number == number)

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(row.state == state for row in self.rows)


def outcome(book: Book, objective: Objective, importance: str) -> Outcome:
    """All of it, read from the book."""
    latest = book.latest()
    rows = tuple(_row(trial) for trial in latest)
    return Outcome(rows, best_of(rows, objective), _importances(book, latest, importance))


def _row(trial: FrozenTrial) -> Row:
    attrs = trial.user_attrs
    return Row(
        number=origin(trial),
        state=WORDS[trial.state],
        values=tuple(trial.values or ()) if trial.state is TrialState.COMPLETE else (),
        params=dict(trial.params),
        evaluations=len(trial.intermediate_values),
        repeats=len(trial.system_attrs.get("retry_history", ())),
        seconds=attrs.get("seconds"),
        record=str(attrs.get("record") or ""),
        reason="" if trial.state is TrialState.COMPLETE else str(attrs.get("reason") or ""),
    )


def best_of(rows: Sequence[Row], objective: Objective) -> tuple[int, ...]:
    """The best finished trial, of equal ones the first; of several metrics all that no other is better than."""
    done = [row for row in rows if row.state == "finished"]
    if not done:
        return ()
    signs = np.array([-1.0 if goal.rises else 1.0 for goal in objective.goals])
    costs = np.array([row.values for row in done]) * signs
    order = sorted(range(len(done)), key=lambda i: (tuple(costs[i]), done[i].number))
    if len(signs) == 1:
        return (done[order[0]].number,)
    beaten = [bool((np.all(costs <= one, axis=1) & np.any(costs < one, axis=1)).any()) for one in costs]
    return tuple(done[i].number for i in order if not beaten[i])


def _importances(book: Book, latest: Sequence[FrozenTrial], name: str) -> dict[str, float]:
    done = [t for t in latest if t.state is TrialState.COMPLETE and t.values]
    if len(done) < FEWEST or len({t.values[0] for t in done}) == 1:
        return {}
    several = len(done[0].values or ()) > 1
    kind = EVALUATORS[name]
    evaluator = kind() if name == "ped_anova" else kind(seed=0)  # type: ignore[call-arg]
    with quiet():
        try:
            found = optuna.importance.get_param_importances(
                book.study, evaluator=evaluator, target=(lambda t: t.values[0]) if several else None
            )
        except (ValueError, RuntimeError):  # no parameter that all trials have, or none that varies
            return {}
    return {key: float(value) for key, value in found.items() if np.isfinite(value)}


def plain(found: Outcome, objective: Objective, params: Sequence[Param]) -> dict[str, Any]:
    """The outcome as plain containers, for summary.json."""
    names = [goal.name for goal in objective.goals]
    return {
        "metrics": [
            {"name": g.name, "direction": g.direction, "column": g.column, "label": COSTS.get(g.name, "")}
            for g in objective.goals
        ],
        "space": [
            {"name": p.name, "levels": list(p.levels) if p.levels is not None else None, "log": p.logarithmic}
            for p in params
        ],
        "at": objective.at,
        "counts": {word: found.count(word) for word in WORDS.values()},
        "best": list(found.best),
        "importances": dict(found.importances),
        "trials": [
            {
                "trial": row.number,
                "state": row.state,
                **dict(zip(names, row.values, strict=False)),
                "params": dict(row.params),
                "evaluations": row.evaluations,
                "repeats": row.repeats,
                "seconds": row.seconds,
                "record": row.record,
                "reason": row.reason,
            }
            for row in found.rows
        ],
    }
