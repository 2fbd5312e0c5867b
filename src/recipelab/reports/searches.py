"""A search's folder as `recipelab tune` leaves it: what was drawn, what came of it, the winner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json, read_yaml
from recipelab.reports.summary import first_problem

Level = bool | int | float | str


@dataclass(frozen=True)
class Goal:
    """One metric of a search. column: of metrics.csv, None for a cost; label: of a cost, in words."""

    name: str
    direction: str
    column: str | None = None
    label: str = ""

    @property
    def rises(self) -> bool:
        return self.direction == "maximize"


@dataclass(frozen=True)
class Scale:
    """How a parameter was drawn. levels: of a choice. log: even in the logarithm."""

    name: str
    levels: list[Level] | None = None
    log: bool = False


@dataclass(frozen=True)
class Trial:
    """values: one a metric, of a finished trial. record: below the search's folder; reason: why it did not finish."""

    trial: int
    state: str
    values: list[float]
    params: dict[str, Level]
    evaluations: int = 0
    repeats: int = 0
    seconds: float | None = None
    record: str = ""
    reason: str = ""

    @property
    def finished(self) -> bool:
        return self.state == "finished"


@dataclass(frozen=True)
class Search:
    """A search so far. best: the winner, or the Pareto front of several metrics. test: of the winner, if it was opened.

    importances: parameter -> share of 1. at: which evaluation of a trial counts. question, view: of its file.
    """

    metrics: list[Goal]
    at: str
    best: list[int]
    trials: list[Trial]
    importances: dict[str, float]
    counts: dict[str, int]
    space: list[Scale]
    test: dict[str, Any]
    opened: int = 0
    question: str = ""
    view: str = "raw"

    @property
    def finished(self) -> list[Trial]:
        return [one for one in self.trials if one.finished]

    def trial(self, number: int) -> Trial:
        """The trial of that number."""
        return next(one for one in self.trials if one.trial == number)

    def values_of(self, name: str) -> list[Level]:
        """What finished trials have drawn for a parameter, in their order."""
        return [one.params[name] for one in self.finished if name in one.params]


_SEARCH = TypeAdapter(Search)


def read_search(folder: Path) -> Search:
    """Raises UserError when its files are not those of a search."""
    definition = read_yaml(folder / "search.yaml")
    return search_of(read_json(folder / "summary.json"), definition if isinstance(definition, dict) else {}, folder)


def search_of(summary: dict[str, Any], definition: dict[str, Any], folder: Path) -> Search:
    """From the content of summary.json and search.yaml. Raises UserError."""
    names = [goal.get("name") for goal in summary.get("metrics") or [] if isinstance(goal, dict)]
    given = {
        "space": [],
        "test": {},
        **{key: value for key, value in summary.items() if key not in ("schema", "kind")},
        "trials": [
            {"values": [one[n] for n in names if n in one], **{k: v for k, v in one.items() if k not in names}}
            for one in summary.get("trials", [])
            if isinstance(one, dict)
        ],
        "question": str(definition.get("question") or ""),
        "view": str(definition.get("view") or "raw"),
    }
    wrong = f"{folder}/summary.json is not what `recipelab tune` writes"
    try:
        found = _SEARCH.validate_json(json.dumps(given))
    except ValidationError as error:
        raise UserError(f"{wrong}: {first_problem(error)}") from error
    torn = any(len(one.values) != len(found.metrics) for one in found.finished)
    if torn or not found.metrics or not {one.trial for one in found.finished} >= set(found.best):
        raise UserError(f"{wrong}: values or best of its trials")
    return found
