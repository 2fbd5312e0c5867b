"""What a change does to several models: box plots over the runs, and the effect of the change, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipelab.figures.chart import Axis, Boxes, Mark, Panel, Points, Rule

BETWEEN = 0.26  # of a row between two groups


@dataclass(frozen=True)
class Change:
    """values: of the runs. effect, low, high: the mean paired difference and its interval, None where not known."""

    values: Sequence[float]
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    text: str = ""


def boxes_panel(
    rows: Sequence[str], groups: Mapping[str, Mapping[str, Change]], baselines: Mapping[str, float], axis: Axis
) -> Panel:
    """Lying box plots, a row a change and a colour a group, with each group's baseline mean as a dashed line.

    groups: group -> row -> its runs. baselines: group -> mean without any change.
    """
    marks: list[Mark] = [
        Rule(baselines[group], "x", f"{group}: mean of the baseline", index)
        for index, group in enumerate(groups)
        if group in baselines
    ]
    for index, (group, found) in enumerate(groups.items()):
        there = [row for row in rows if row in found and len(found[row].values)]
        places = [rows.index(row) + _offset(index, len(groups)) for row in there]
        marks.append(Boxes(places, [found[row].values for row in there], group, index))
    return Panel(axis, Axis("", categories=rows, reverse=True), marks)


def effects_panel(rows: Sequence[str], groups: Mapping[str, Mapping[str, Change]], axis: Axis) -> Panel:
    """The effect of each change with its interval; zero is a dotted line. axis: of differences."""
    marks: list[Mark] = [Rule(0.0, "x", dash="dotted")]
    for index, (_, found) in enumerate(groups.items()):
        for place, row in enumerate(rows):
            one = found.get(row)
            if one is None or one.effect is None:
                continue
            at = [place + _offset(index, len(groups))]
            ends = {} if one.low is None or one.high is None else {"low": [one.low], "high": [one.high]}
            marks.append(Points([one.effect], at, "", index, along="x", texts=[one.text], **ends))  # type: ignore[arg-type]
    sizes = [abs(c.effect) for found in groups.values() for c in found.values() if c.effect is not None]
    most = 3 * max(sizes, default=1.0) or 1.0
    ends_at = [abs(e) for g in groups.values() for c in g.values() for e in (c.low, c.high) if e is not None]
    reach = min(most, 1.05 * max([*ends_at, *sizes], default=1.0)) or 1.0
    limited = Axis(axis.label, percent=axis.percent, limits=(-reach, reach))
    return Panel(limited, Axis("", categories=rows, reverse=True), marks)


def _offset(index: int, count: int) -> float:
    return float((index - (count - 1) / 2) * np.minimum(BETWEEN, 0.8 / count))
