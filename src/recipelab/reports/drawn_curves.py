"""Figures of a study over its epochs, and over the half-lives of its averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recipelab.figures import catalogue
from recipelab.figures.chart import Axis, Chart, Line, Mark, Panel, Points, Rule
from recipelab.figures.curves import Series, curves_panel
from recipelab.reports.half_lives import half_lives
from recipelab.reports.material import Reading
from recipelab.reports.numbers import ArmNumbers, Numbers, metric_axis, titled
from recipelab.reports.run_courses import course

MANY = 14  # lines that can be told apart in one panel
BANDS = "Lines are means over the seeds, bands reach from the lowest to the highest seed"


def curves(found: Numbers, wanted: catalogue.Curves) -> Chart | None:
    """The study's metric on validation data against the epoch, a panel a level of an axis."""
    levels = found.axes.get(wanted.panel or "", [""])
    scale = 0.01 if found.percent else 1.0
    limits = None
    if wanted.low is not None and wanted.high is not None:
        limits = (wanted.low * scale, wanted.high * scale)
    y = Axis(found.axis("validation").label, percent=found.percent, limits=limits)
    panels = []
    for level in levels:
        arms = [arm for arm in found.arms if not wanted.panel or arm.levels.get(wanted.panel) == level]
        lines = _by_level(arms, found, wanted) if wanted.line else _an_arm_each(arms, found)
        panels.append(curves_panel(lines[:MANY], Axis("epoch"), y, level))
    if limits is None:
        panels = _alike(panels)
    if wanted.rates:
        panels.append(_rates(found, wanted.panel))
    panels = [panel for panel in panels if panel.marks]
    if not panels:
        return None
    name = "curves" if not wanted.panel else f"curves_{''.join(c for c in wanted.panel if c.isalnum())}"
    title = f"Validation {found.metric} by {_plain(wanted.panel)}" if wanted.panel else f"Validation {found.metric}"
    caption = f"{BANDS} (n = {found.seeds})." if found.seeds > 1 else "One seed."
    if not wanted.line and len(found.arms) > MANY and not wanted.panel:
        caption += f" The first {MANY} of {len(found.arms)} arms."
    return Chart(name, title, panels, caption, columns=min(3, len(panels)))


def _alike(panels: Sequence[Panel]) -> list[Panel]:
    """The same upright axis in all panels, wide enough for every line and band."""
    lines = [mark for panel in panels for mark in panel.marks if isinstance(mark, Line)]
    ends = [end for line in lines for end in (line.y, line.low, line.high) if end is not None]
    if not ends:
        return list(panels)
    values = np.concatenate([np.asarray(end, dtype=np.float64) for end in ends])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    edge = 0.04 * (high - low) or 0.01
    return [replace(panel, y=replace(panel.y, limits=(low - edge, high + edge))) for panel in panels]


def _plain(axis: str | None) -> str:
    return (axis or "").rpartition(".")[2]


def _by_level(arms: Sequence[ArmNumbers], found: Numbers, wanted: catalogue.Curves) -> list[Series]:
    """A line a level of an axis, the first of them dashed and pale; of other axes the mean is taken."""
    assert wanted.line is not None
    series = []
    for index, level in enumerate(found.axes[wanted.line]):
        readings = [r for arm in arms if arm.levels.get(wanted.line) == level for r in arm.readings]
        dash = "dashed" if index == 0 else "solid"
        series.append(Series(level, _courses(readings, found.metric), index, dash, faint=index == 0))  # type: ignore[arg-type]
    return series


def _an_arm_each(arms: Sequence[ArmNumbers], found: Numbers) -> list[Series]:
    place = {arm.name: index for index, arm in enumerate(found.arms)}
    return [Series(arm.name, _courses(arm.readings, found.metric), place[arm.name]) for arm in arms]


def _courses(readings: Sequence[Reading], metric: str) -> list[tuple[np.ndarray, np.ndarray]]:
    found = [course(one.run, f"val_{one.view}_{metric}") for one in readings]
    return [pair for pair in found if len(pair[0])]


def _rates(found: Numbers, axis: str | None) -> Panel:
    """The learning rate of the first run of every level."""
    firsts: dict[str, Reading] = {}
    for arm in found.arms:
        firsts.setdefault(arm.levels.get(axis or "", arm.name), arm.readings[0])
    lines = [
        Series(f"rate: {name}", [course(r.run, "lr")], index, step=True)
        for index, (name, r) in enumerate(firsts.items())
    ]
    return curves_panel(lines, Axis("epoch"), Axis("learning rate"), "learning rates")


def training(found: Numbers, wanted: catalogue.Training) -> Chart | None:
    """Losses, metrics, learning rate and seconds an epoch, each in a panel; a line an arm."""
    arms = [found.best()] if wanted.best else found.arms[:MANY]
    runs = {arm.name: [reading.run for reading in arm.readings] for arm in arms}
    views = {arm.name: arm.readings[0].view for arm in arms}
    panels = []
    for title, column, y in _quantities(found):
        lines = [
            Series(name, [course(run, column.replace("VIEW", views[name])) for run in some], index)
            for index, (name, some) in enumerate(runs.items())
        ]
        panels.append(curves_panel(lines, Axis("epoch"), y, title))
    panels = [panel for panel in panels if panel.marks]
    if not panels:
        return None
    shown = f"the best arm, {arms[0].name}" if wanted.best else f"{len(arms)} of {len(found.arms)} arms"
    name = "training_best" if wanted.best else "training"
    caption = f"{BANDS} (n = {found.seeds})." if found.seeds > 1 else "One seed."
    return Chart(name, f"Training of {shown}", panels, caption, columns=3, legend=not wanted.best)


def _quantities(found: Numbers) -> list[tuple[str, str, Axis]]:
    """(title, column, axis) of the panels. VIEW: the view that an arm is measured by."""
    metric = metric_axis(found.metric)
    return [
        ("training loss", "train_loss", Axis("loss")),
        ("validation loss", "val_VIEW_nll", Axis("loss (nats)")),
        ("learning rate", "lr", Axis("learning rate")),
        (f"training {found.metric}, as trained on", f"train_{found.metric}", metric),
        (f"validation {found.metric}", f"val_VIEW_{found.metric}", metric),
        ("time of an epoch", "epoch_seconds", Axis("seconds")),
    ]


def decays(found: Numbers) -> Chart | None:
    """The study's metric against the half-life of each average that the runs carry, with the raw weights as a line."""
    marks: list[Mark] = []
    seen: dict[str, tuple[ArmNumbers, Reading]] = {}
    for arm in found.arms:
        for reading in arm.readings:
            seen.setdefault(str(reading.run.path), (arm, reading))
    axis = next(iter(found.axes), "")
    groups: dict[str, list[Reading]] = {}
    for arm, reading in seen.values():
        groups.setdefault(arm.levels.get(axis, arm.name), []).append(reading)
    for index, (name, readings) in enumerate(groups.items()):
        points = [point for reading in readings for point in _half_lives(reading, found)]
        if not points:
            continue
        places = sorted({x for x, _, _ in points})
        means = [float(np.mean([y for x, y, _ in points if x == place])) for place in places]
        marks.append(
            Points([x for x, _, _ in points], [y for _, y, _ in points], name, index, texts=[t for *_, t in points])
        )
        marks.append(curves_panel([Series("", [(places, means)], index)], Axis(""), Axis("")).marks[0])
        raw = [v for r in readings if (v := _metric(r, "raw", found)) is not None]
        if raw:
            marks.append(Rule(float(np.mean(raw)), "y", f"{name}: raw", index))
    if not marks:
        return None
    caption = f"Every dot is a run's average, n = {found.seeds} seeds; dashed: the mean of the raw weights."
    x = Axis("half-life in epochs", log=True)
    return Chart(
        "decays", titled(f"{found.axis().label} by half-life of the average"), [Panel(x, found.axis(), marks)], caption
    )


def _half_lives(reading: Reading, found: Numbers) -> list[tuple[float, float, str]]:
    """(half-life in epochs, metric, words) of every moving average that was measured."""
    points = []
    for view, epochs in half_lives(reading.run).items():
        value = _metric(reading, view, found)
        if value is not None and epochs > 0:
            words = f"{view}\nseed {reading.seed}: {100 * value if found.percent else value:.4g}"
            points.append((epochs, value, words))
    return points


def _metric(reading: Reading, view: str, found: Numbers) -> float | None:
    there = (reading.run.result.get(found.split) or {}).get("last") or {}
    value = (there.get(view) or {}).get(found.metric)
    return float(value) if isinstance(value, int | float) else None
