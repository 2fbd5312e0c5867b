"""The arms of a study: each run a dot, their mean with its interval, and the mean that most are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipelab.figures.chart import Axis, Chart, Mark, Panel, Points, Rule


@dataclass(frozen=True)
class ArmRow:
    """name: of the arm. values: one a seed. low, high: ends of the interval of their mean, or None. colour: index.

    texts, runs: what each run's dot says, and the record behind it.
    """

    name: str
    values: Sequence[float]
    low: float | None
    high: float | None
    colour: int = 0
    texts: Sequence[str] = ()
    runs: Sequence[str] = ()


def arms_chart(rows: Sequence[ArmRow], axis: Axis, *, title: str, baseline: float | None, caption: str = "") -> Chart:
    """A row an arm, the first on top. axis: of the values, its limits found here. baseline: a dashed line."""
    marks: list[Mark] = [] if baseline is None else [Rule(baseline, "x", "baseline")]
    for place, row in enumerate(rows):
        mean = sum(row.values) / len(row.values)
        known = row.low is not None and row.high is not None
        ends = {"low": [row.low], "high": [row.high]} if known else {}
        if known or len(row.values) > 1:
            said = [f"{row.name}\nmean of {len(row.values)}"]
            marks.append(Points([mean], [place], shape="tick", colour=row.colour, along="x", texts=said, **ends))  # type: ignore[arg-type]
        at = [float(place)] * len(row.values)
        marks.append(Points(row.values, at, colour=row.colour, along="x", texts=row.texts, runs=row.runs))
    x = Axis(axis.label, percent=axis.percent, limits=limits_of(rows))
    y = Axis("", categories=[row.name for row in rows], reverse=True)
    return Chart("arms", title, [Panel(x, y, marks)], caption, legend=False)


def limits_of(rows: Sequence[ArmRow]) -> tuple[float, float]:
    """Room for every run, and for intervals up to half as far again: one of two runs may be endless."""
    runs = [value for row in rows for value in row.values]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None] or runs
    spread = (max(runs) - min(runs)) or abs(max(runs)) * 0.02 or 1.0
    low = max(min([*runs, *ends]), min(runs) - 0.5 * spread)
    high = min(max([*runs, *ends]), max(runs) + 0.5 * spread)
    return low - 0.04 * spread, high + 0.04 * spread
