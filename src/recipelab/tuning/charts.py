"""A search in charts: its course, what mattered, each parameter by itself, all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Chart, Dimension, Figure, Line, Mark, Panel, Parallel, Points
from recipelab.tuning.objective import COSTS, Objective
from recipelab.tuning.outcome import Outcome, Row
from recipelab.tuning.space import Param


def charts(found: Outcome, objective: Objective, params: Sequence[Param]) -> list[Figure]:
    """Those that there is something to show in; none before two trials have finished."""
    done = [row for row in found.rows if row.state == "finished"]
    if len(done) < 2:
        return []
    made: list[Figure] = [_history(found, done, objective), _slices(done, objective, params)]
    if found.importances:
        made.insert(1, _importances(found))
    if len(objective.goals) > 1:
        made.insert(1, _front(found, done, objective))
    common = [p for p in params if all(p.name in row.params for row in done)]
    if len(common) > 1:
        made.append(_parallel(done, objective, common))
    return made


def _axis(objective: Objective, index: int = 0) -> Axis:
    goal = objective.goals[index]
    if goal.column is None:
        return Axis(COSTS[goal.name], log=True)
    return Axis(f"validation {goal.name}", percent=goal.name == "accuracy")


def _texts(rows: Sequence[Row]) -> list[str]:
    return [f"trial {r.number}: " + ", ".join(f"{k}={_short(v)}" for k, v in r.params.items()) for r in rows]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _history(found: Outcome, done: Sequence[Row], objective: Objective) -> Chart:
    values = np.array([row.values[0] for row in done])
    best = np.maximum.accumulate(values) if objective.goals[0].rises else np.minimum.accumulate(values)
    numbers = [float(row.number) for row in done]
    points = Points(numbers, values, "trial", 0, texts=_texts(done), runs=[row.record for row in done])
    marks: list[Mark] = [points, Line(numbers, best, "best so far", 1, step=True)]
    return Chart(
        "search_history",
        "Course of the search",
        [Panel(Axis("trial"), _axis(objective), marks)],
        f"{len(done)} finished, {found.count('pruned')} pruned, {found.count('failed')} failed trials;"
        f" {objective.at} evaluation of each.",
    )


def _importances(found: Outcome) -> Chart:
    names = list(found.importances)[::-1]
    shares = [found.importances[name] for name in names]
    points = Points(shares, list(range(len(names))), "importance", 0, texts=[f"{s:.1%}" for s in shares])
    stems = [Line([0.0, share], [i, i], colour=0, faint=True) for i, share in enumerate(shares)]
    panel = Panel(Axis("importance", percent=True), Axis("parameter", categories=names), [*stems, points])
    return Chart("search_importances", "What mattered", [panel], "Shares of the variation explained.", legend=False)


def _slices(done: Sequence[Row], objective: Objective, params: Sequence[Param]) -> Chart:
    panels = []
    for param in params:
        rows = [row for row in done if param.name in row.params]
        if not rows:
            continue
        axis, places = _places(param, rows)
        marks = [
            Points(places, [r.values[0] for r in rows], "trial", 0, texts=_texts(rows), runs=[r.record for r in rows])
        ]
        panels.append(Panel(axis, _axis(objective), marks))
    columns = min(3, max(1, len(panels)))
    return Chart("search_slices", "Each parameter by itself", panels, "Finished trials.", columns=columns, legend=False)


def _places(param: Param, rows: Sequence[Row]) -> tuple[Axis, list[float]]:
    """Where a parameter's values lie on an axis."""
    if param.levels is not None:
        levels = list(param.levels)
        return Axis(param.name, categories=[str(level) for level in levels]), [
            float(levels.index(row.params[param.name])) for row in rows
        ]
    log = bool(getattr(param.distribution, "log", False))
    return Axis(param.name, log=log), [float(row.params[param.name]) for row in rows]


def _front(found: Outcome, done: Sequence[Row], objective: Objective) -> Chart:
    front = [row for row in done if row.number in found.best]
    others = [row for row in done if row.number not in found.best]
    marks = []
    for colour, (name, rows) in enumerate((("beaten", others), ("Pareto front", front))):
        x, y = [r.values[1] for r in rows], [r.values[0] for r in rows]
        marks.append(Points(x, y, name, colour, texts=_texts(rows), runs=[r.record for r in rows]))
    return Chart("search_front", "Pareto front", [Panel(_axis(objective, 1), _axis(objective), marks)])


def _parallel(done: Sequence[Row], objective: Objective, params: Sequence[Param]) -> Parallel:
    dimensions = [Dimension(*_places(param, done)) for param in params]
    value = Dimension(_axis(objective), [row.values[0] for row in done])
    return Parallel(
        "search_parallel", "All parameters together", dimensions, value, "A line a finished trial.", _texts(done)
    )
