"""The arms of a study: each run a dot, their mean with its interval, and the mean that most are compared with."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipelab.figures.palette import COLOURS, framed, save

HIGH = 0.32  # inches a row


@dataclass(frozen=True)
class ArmRow:
    """name: of the arm. values: one a seed. low, high: ends of the interval of their mean, or None. colour: index."""

    name: str
    values: Sequence[float]
    low: float | None
    high: float | None
    colour: int = 0


def plot_arms(rows: Sequence[ArmRow], path: Path, *, axis: str, title: str, baseline: float | None) -> None:
    """Write a PNG with a row an arm, the first on top. axis: name and unit of the values. baseline: a dashed line."""
    figure, axes = framed(textwrap.fill(title, 72), axis, "", size=(7.5, 1.3 + HIGH * len(rows)))
    if baseline is not None:
        axes.axvline(baseline, color="0.6", linestyle="--", linewidth=1, zorder=0)
    for place, row in enumerate(rows):
        colour = COLOURS[row.colour % len(COLOURS)]
        mean = sum(row.values) / len(row.values)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.3, solid_capstyle="butt")
        axes.plot(
            row.values, [place] * len(row.values), "o", color=colour, markersize=6, markeredgecolor="white", zorder=3
        )
        axes.plot(mean, place, "|", color=colour, markersize=13, markeredgewidth=2.5)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(*_limits(rows))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    save(figure, path)


def _limits(rows: Sequence[ArmRow]) -> tuple[float, float]:
    """Room for every run, and for intervals up to half as far again: one of two runs may be endless."""
    runs = [value for row in rows for value in row.values]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None] or runs
    spread = (max(runs) - min(runs)) or 1.0
    low = max(min([*runs, *ends]), min(runs) - 0.5 * spread)
    high = min(max([*runs, *ends]), max(runs) + 0.5 * spread)
    return low - 0.04 * spread, high + 0.04 * spread
