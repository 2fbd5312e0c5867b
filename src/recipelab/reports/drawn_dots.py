"""Figures of a study in which a run is a dot, an arm a box, or a recipe a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from recipelab.figures import catalogue
from recipelab.figures.arms import ArmRow, arms_chart
from recipelab.figures.chart import Axis, Chart, Dimension, Line, Mark, Panel, Parallel, Points, Rule
from recipelab.figures.dots import Dot, beside, dots
from recipelab.figures.techniques import Change, boxes_panel, effects_panel
from recipelab.reports.numbers import ArmNumbers, Numbers, titled
from recipelab.statistics.pareto import pareto_front

MOST_EFFECTS = 40
MOST_COLOURS = 14  # arms that are told apart by their colours, full and hollow


def arms(found: Numbers) -> Chart | None:
    """Every run a dot, the mean of each arm with its interval."""
    if not found.arms:
        return None
    baselines = list(dict.fromkeys(found.baseline(arm) for arm in found.arms))
    rows = [
        ArmRow(
            arm.name,
            arm.values,
            arm.line["low"],
            arm.line["high"],
            baselines.index(found.baseline(arm)),
            [found.told(one) for one in arm.readings],
            [one.run.name for one in arm.readings],
        )
        for arm in found.arms
    ]
    means = {arm.name: arm.line["mean"] for arm in found.arms}
    dashed = means.get(baselines[0]) if len(baselines) == 1 else None
    level = 100 * found.confidence
    caption = f"Dots: runs, n = {found.seeds} seeds at most. Bars: mean with its {level:g} % interval."
    caption += " Dashed: the baseline's mean." if dashed is not None else " Colours: arms with one baseline."
    return arms_chart(rows, found.axis(), title=found.study.title, baseline=dashed, caption=caption)


def _name(arm: ArmNumbers, axis: str | None) -> str:
    return arm.levels.get(axis, "") if axis else ""


def number_of(level: str) -> float | None:
    """The number in a level's name, `lr=0.1` or `0.1`."""
    try:
        return float(level.rpartition("=")[2])
    except ValueError:
        return None


def scatter(found: Numbers, wanted: catalogue.Scatter) -> Chart | None:
    """The metric of every run against an axis of the grid."""
    assert wanted.by is not None
    levels = found.axes.get(wanted.by, [])
    values = [number_of(level) for level in levels]
    numeric = wanted.upright and all(value is not None for value in values)
    places: dict[str, float] = {
        lv: (v if numeric and v is not None else i) for i, (lv, v) in enumerate(zip(levels, values, strict=True))
    }
    groups: dict[str, list[tuple[ArmNumbers, int]]] = {}
    for arm in found.arms:
        groups.setdefault(arm.levels.get(wanted.by, ""), []).extend((arm, i) for i in range(len(arm.readings)))
    made = []
    for level, members in groups.items():
        for (arm, index), shift in zip(members, beside(len(members)), strict=True):
            one = arm.readings[index]
            place = places[level] * 10 ** (0.12 * shift) if numeric else places[level] + shift
            x, y = (one.value, place) if wanted.upright else (place, one.value)
            made.append(Dot(x, y, _name(arm, wanted.colour), _name(arm, wanted.shape), found.told(one), one.run.name))
    if not made:
        return None
    key = wanted.by.rpartition(".")[2]
    by = Axis({"lr": "learning rate"}.get(key, key), log=numeric, categories=None if numeric else levels)
    x, y = (found.axis(), by) if wanted.upright else (by, found.axis())
    told = [f"colour: {wanted.colour}"] * bool(wanted.colour) + [f"marker: {wanted.shape}"] * bool(wanted.shape)
    caption = (
        f"Every dot is a run (n = {found.seeds} a combination); {', '.join(told)}; spread a little to be seen apart."
    )
    return Chart(f"scatter_{key}", titled(f"{found.metric} by {by.label}"), [Panel(x, y, dots(made))], caption)


def time(found: Numbers, wanted: catalogue.Time) -> Chart | None:
    """The metric against training minutes, and the arms that no other beats in both.

    Without an axis for colour or shape every arm has its own colour; of more arms than can be told apart so, those on
    the front have their names beside them.
    """
    timed = [arm for arm in found.arms if arm.line.get("seconds")]
    if not timed:
        return None
    plain = not wanted.colour and not wanted.shape
    made = [
        Dot(
            arm.line["seconds"] / 60,
            arm.line["mean"],
            arm.name if plain and len(timed) <= MOST_COLOURS else _name(arm, wanted.colour),
            _name(arm, wanted.shape),
            _timed(arm, found),
            arm.readings[0].run.name,
        )
        for arm in timed
    ]
    x, y = np.array([dot.x for dot in made]), np.array([dot.y for dot in made])
    front = np.asarray(pareto_front(x, y, higher_is_better=found.higher))
    order = front[np.argsort(x[front])]
    line = Line(x[order], y[order], "Pareto front", 6, dash="dotted")
    marks: list[Mark] = [line, *dots(made)]
    if plain and len(timed) > MOST_COLOURS:
        marks.append(
            Points(
                x[order], y[order], "", 6, labels=[timed[i].name for i in order], texts=[made[i].text for i in order]
            )
        )
    caption = f"Means of {found.seeds} seed{'s' * (found.seeds > 1)} an arm. Dotted: arms that none beats in both."
    return Chart(
        "time",
        titled(f"{found.metric} against training time"),
        [Panel(Axis("training minutes"), found.axis(), marks)],
        caption,
    )


def _timed(arm: ArmNumbers, found: Numbers) -> str:
    value = 100 * arm.line["mean"] if found.percent else arm.line["mean"]
    return f"{arm.name}\n{value:.4g}{' %' * found.percent}, {arm.line['seconds'] / 60:.3g} min, n = {arm.line['n']}"


def boxes(found: Numbers, wanted: catalogue.Boxes) -> Chart | None:
    """Box plots of the runs, and the paired effect of each level with its interval."""
    assert wanted.rows is not None
    bases = {found.baseline(arm) for arm in found.arms}
    groups: dict[str, dict[str, Change]] = {}
    means: dict[str, float] = {}
    for arm in found.arms:
        group = _name(arm, wanted.colour) or "all"
        if arm.name in bases:
            means[group] = arm.line["mean"]
        else:
            groups.setdefault(group, {})[arm.levels.get(wanted.rows, arm.name)] = _change(arm, found)
    rows = [level for level in found.axes.get(wanted.rows, []) if any(level in one for one in groups.values())]
    if not rows:
        return None
    unit = " (percentage points)" if found.percent else ""
    effect = effects_panel(
        rows, groups, Axis(f"difference in {found.split} {found.metric}{unit}", percent=found.percent)
    )
    panels = [boxes_panel(rows, groups, means, found.axis()), effect]
    level = 100 * found.confidence
    caption = (
        f"Left: boxes of n = {found.seeds} runs, whiskers to 1.5 interquartile ranges, diamonds beyond; dashed: the"
        f" baseline's mean. Right: mean difference to the baseline, paired by seed, with its {level:g} % interval"
        " (not adjusted for the number of comparisons)."
    )
    return Chart("boxes", titled(f"{found.metric} by {wanted.rows}"), panels, caption, columns=2)


def _change(arm: ArmNumbers, found: Numbers) -> Change:
    one = (arm.line.get("verdict") or {}).get("difference") or {}
    size = one.get("mean")
    if size is None:
        return Change(arm.values)
    scale = 100 if found.percent else 1
    ends = f" [{one['low'] * scale:+.2f}, {one['high'] * scale:+.2f}]" if one.get("low") is not None else ""
    words = f"{arm.name}\n{size * scale:+.2f}{ends}, n = {one['n']}: {arm.line['verdict']['word']}"
    return Change(arm.values, size, one.get("low"), one.get("high"), words)


def effects(found: Numbers, wanted: catalogue.Effects) -> Chart | None:
    """Main effects of a grid, and its two-way interactions where they are asked for."""
    shown = [e for e in found.study.summary.get("effects", []) if wanted.interactions or len(e["terms"]) == 1]
    if not shown:
        return None
    shown = sorted(shown, key=lambda e: len(e["terms"]))[:MOST_EFFECTS]
    names = [" × ".join(f"{axis.rpartition('.')[2]}: {level}" for axis, level in e["terms"]) for e in shown]
    marks: list[Mark] = [Rule(0.0, "x", dash="dotted")]
    for place, (name, e) in enumerate(zip(names, shown, strict=True)):
        ends = {} if e["low"] is None else {"low": [e["low"]], "high": [e["high"]]}
        p = "" if e["p"] is None else f", p {e['p']:.3g} (Holm)"
        words = f"{name}\n{e['mean'] * (100 if found.percent else 1):+.3g}, n = {e['n']}{p}"
        marks.append(Points([e["mean"]], [place], colour=len(e["terms"]) - 1, along="x", texts=[words], **ends))  # type: ignore[arg-type]
    sizes = [abs(e["mean"]) for e in shown]
    ends_at = [abs(end) for e in shown for end in (e["low"], e["high"]) if end is not None]
    reach = min(4 * max(sizes), 1.05 * max([*ends_at, *sizes])) or 1.0
    unit = " (percentage points)" if found.percent else ""
    x = Axis(f"change of {found.split} {found.metric}{unit}", percent=found.percent, limits=(-reach, reach))
    caption = f"Against the first level of each axis, over all settings of the others; n = {shown[0]['n']} seeds."
    panel = Panel(x, Axis("", categories=names, reverse=True), marks)
    return Chart("effects", f"Effects on {found.metric}", [panel], caption, legend=False)


def parallel(found: Numbers) -> Parallel | None:
    """All that differs between the recipes, a line an arm."""
    differing = found.differing()
    if not differing or len(found.arms) < 2:
        return None
    shown = [_dimension(key, values) for key, values in list(differing.items())[:8]]
    value = Dimension(found.axis(), [arm.line["mean"] for arm in found.arms])
    texts = [arm.name for arm in found.arms]
    caption = f"A line an arm ({len(found.arms)}), coloured by its mean; n = {found.seeds}."
    if len(differing) > len(shown):
        caption += f" The first {len(shown)} of {len(differing)} keys that differ."
    return Parallel("parallel", f"What differs, and {found.axis().label}", shown, value, caption, texts)


def _dimension(key: str, values: Sequence[object]) -> Dimension:
    name = key.removesuffix("._target_")
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        log = min(numbers) > 0 and max(numbers) > 20 * min(numbers)
        return Dimension(Axis(name, log=log), numbers)
    words = ["none" if v is None else str(v).rpartition(".")[2] if key.endswith("_target_") else str(v) for v in values]
    there = dict(zip(dict.fromkeys(words), count()))
    return Dimension(Axis(name, categories=list(there)), [float(there[word]) for word in words])
