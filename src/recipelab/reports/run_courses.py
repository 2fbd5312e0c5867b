"""The courses of runs: what their rows of metrics, resources and ledgers say over time."""

from __future__ import annotations

import csv
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.figures.stability import Course
from recipelab.records.ledger import Ledger
from recipelab.reports.material import OneRun
from recipelab.statistics.learning import stability

Values = NDArray[np.float64]


def course(run: OneRun, column: str) -> tuple[Values, Values]:
    """Epochs, and a column of metrics.csv there: (T,) each; empty where the run has no such column."""
    told = [(row["epoch"], row[column]) for row in run.rows if row.get(column) is not None]
    table = np.array(told, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def resources(run: OneRun) -> Mapping[str, Values]:
    """Column of resources.csv -> its samples; NaN where the machine tells nothing. Empty without the file."""
    try:
        with open(run.path / "resources.csv", newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.reader(file))
    except OSError:
        return {}
    if len(rows) < 2:
        return {}
    head = rows[0]
    whole = [row for row in rows[1:] if len(row) == len(head)]
    return {name: np.array([_number(row[i]) for row in whole]) for i, name in enumerate(head)}


def _number(text: str) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")


def ledger(run: OneRun) -> Ledger | None:
    """The run's ledger of right and wrong; None where it kept none."""
    try:
        found = run.record.ledger("val").read()
    except UserError:
        return None
    return None if found.head.kind == "error" or not found.views else found


def epochs_of(run: OneRun, steps: NDArray[np.int64]) -> Values:
    """Optimizer steps as epochs, by the run's rows of metrics."""
    rows = [row for row in run.rows if row["epoch"]]
    if not rows:
        return steps.astype(np.float64)
    found: Values = np.interp(steps, [0, *(row["step"] for row in rows)], [0, *(row["epoch"] for row in rows)])
    return found


def stability_course(run: OneRun, kept: Ledger, view: str) -> Course:
    """A view's stability and accuracy over a run."""
    correct = kept.correct(view)
    return Course(epochs_of(run, kept.steps(view)), stability(correct), correct.mean(1))


def distance(run: OneRun, view: str) -> tuple[Values, Values]:
    """Epochs, and |average - raw| / |raw| there."""
    key = f"{view}_distance"
    told = [
        (r["epoch"], r[key] / r["weight_norm"]) for r in run.rows if r.get(key) is not None and r.get("weight_norm")
    ]
    table = np.array(told, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
