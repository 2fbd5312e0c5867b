"""A search in charts: its course, what mattered, each parameter by itself, all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Chart, Dimension, Figure, Line, Mark, Panel, Parallel, Points
from recipelab.reports.numbers import metric_axis
from recipelab.reports.searches import Search, Trial


def figures_of_search(found: Search, names: Mapping[str, str] | None = None) -> list[Figure]:
    """Those that there is something to show in; none before two trials have finished.

    names: record below the search's folder -> how a report calls that run, for links.
    """
    done = found.finished
    if len(done) < 2:
        return []
    runs = names or {}
    made: list[Figure | None] = [
        _history(found, done, runs),
        _front(found, done, runs) if len(found.metrics) > 1 else None,
        _importances(found),
        _slices(found, done, runs),
        _parallel(found, done),
    ]
    return [figure for figure in made if figure is not None]


def value_axis(found: Search, index: int = 0) -> Axis:
    """Of one of its metrics."""
    goal = found.metrics[index]
    if goal.column is None:
        return Axis(goal.label or goal.name, log=True)
    return metric_axis(goal.name, "validation")


def parameters(found: Search) -> list[str]:
    """Every parameter that a trial has drawn, in the order of the space."""
    drawn = [name for trial in found.trials for name in trial.params]
    ordered = [scale.name for scale in found.space if scale.name in drawn]
    return list(dict.fromkeys([*ordered, *drawn]))


def short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _dots(trials: Sequence[Trial], x: Sequence[float], runs: Mapping[str, str], name: str, colour: int) -> Points:
    return Points(
        x,
        [trial.values[0] for trial in trials],
        name,
        colour,
        texts=_texts(trials),
        runs=[runs.get(trial.record, "") for trial in trials] if runs else (),
    )


def _texts(trials: Sequence[Trial]) -> list[str]:
    return [f"trial {t.trial}: " + ", ".join(f"{k}={short(v)}" for k, v in t.params.items()) for t in trials]


def _history(found: Search, done: Sequence[Trial], runs: Mapping[str, str]) -> Chart:
    values = np.array([trial.values[0] for trial in done])
    best = np.maximum.accumulate(values) if found.metrics[0].rises else np.minimum.accumulate(values)
    numbers = [float(trial.trial) for trial in done]
    marks: list[Mark] = [_dots(done, numbers, runs, "trial", 0), Line(numbers, best, "best so far", 1, step=True)]
    counts = ", ".join(f"{found.counts.get(word, 0)} {word}" for word in ("finished", "pruned", "failed"))
    return Chart(
        "search_history",
        "Course of the search",
        [Panel(Axis("trial"), value_axis(found), marks)],
        f"Trials: {counts}; {found.at} evaluation of each.",
    )


def _importances(found: Search) -> Chart | None:
    names = list(found.importances)[::-1]
    if not names:
        return None
    shares = [found.importances[name] for name in names]
    points = Points(shares, list(range(len(names))), "importance", 0, texts=[f"{s:.1%}" for s in shares])
    stems = [Line([0.0, share], [i, i], colour=0, faint=True) for i, share in enumerate(shares)]
    panel = Panel(Axis("importance (%)", percent=True), Axis("parameter", categories=names), [*stems, points])
    return Chart("search_importances", "What mattered", [panel], "Shares of the variation explained.", legend=False)


def _slices(found: Search, done: Sequence[Trial], runs: Mapping[str, str]) -> Chart | None:
    panels = []
    for name in parameters(found):
        trials = [trial for trial in done if name in trial.params]
        if trials:
            axis, places = _places(found, name)
            panels.append(Panel(axis, value_axis(found), [_dots(trials, places, runs, "trial", 0)]))
    if not panels:
        return None
    columns = min(3, len(panels))
    return Chart("search_slices", "Each parameter by itself", panels, "Finished trials.", columns=columns, legend=False)


def _places(found: Search, name: str) -> tuple[Axis, list[float]]:
    """Where a parameter's values in finished trials lie on an axis."""
    values = found.values_of(name)
    scale = next((one for one in found.space if one.name == name), None)
    levels = scale.levels if scale else None
    if levels is None and not any(isinstance(value, str | bool) for value in values):
        return Axis(name, log=scale is not None and scale.log), [float(value) for value in values]
    levels = list(dict.fromkeys([*(levels or []), *values]))
    return Axis(name, categories=[str(level) for level in levels]), [float(levels.index(v)) for v in values]


def _front(found: Search, done: Sequence[Trial], runs: Mapping[str, str]) -> Chart:
    groups = (
        ("beaten", [trial for trial in done if trial.trial not in found.best]),
        ("Pareto front", [trial for trial in done if trial.trial in found.best]),
    )
    marks = [_dots(trials, [t.values[1] for t in trials], runs, name, i) for i, (name, trials) in enumerate(groups)]
    return Chart("search_front", "Pareto front", [Panel(value_axis(found, 1), value_axis(found), marks)])


def _parallel(found: Search, done: Sequence[Trial]) -> Parallel | None:
    common = [name for name in parameters(found) if all(name in trial.params for trial in done)]
    if len(common) < 2:
        return None
    dimensions = [Dimension(*_places(found, name)) for name in common]
    value = Dimension(value_axis(found), [trial.values[0] for trial in done])
    return Parallel(
        "search_parallel", "All parameters together", dimensions, value, "A line a finished trial.", _texts(done)
    )
