"""Quantities against time, a line a recipe: the mean over its seeds, with a band from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Dash, Line, Numbers, Panel

Course = tuple[Numbers, Numbers]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """name: in the legend. courses: (places, values) of each run. faint, dash: see Line."""

    name: str
    courses: Sequence[Course]
    colour: int = 0
    dash: Dash = "solid"
    faint: bool = False
    step: bool = False


def curves_panel(series: Sequence[Series], x: Axis, y: Axis, title: str = "") -> Panel:
    """One panel of lines; those without a finite value are left out."""
    lines = [_line(one) for one in series]
    return Panel(x, y, [line for line in lines if line is not None], title)


def _line(one: Series) -> Line | None:
    found = [(x, y) for x, y in one.courses if np.isfinite(np.asarray(y, dtype=np.float64)).any()]
    if not found:
        return None
    x, mean, low, high = over_seeds(found)
    many = len(found) > 1
    band = (low if many else None, high if many else None)
    return Line(x, mean, one.name, one.colour, one.dash, one.faint, *band, one.step)


def over_seeds(courses: Sequence[Course]) -> tuple[Values, Values, Values, Values]:
    """Places, and the mean, lowest and highest value there over the runs that have one.

    courses: (places, values), (T,) each; runs may end early, or be evaluated at other places.
    """
    places = np.unique(np.concatenate([np.asarray(x, dtype=np.float64) for x, _ in courses]))
    table = np.full((len(courses), len(places)), np.nan)
    for row, (x, y) in enumerate(courses):
        table[row, np.searchsorted(places, np.asarray(x, dtype=np.float64))] = np.asarray(y, dtype=np.float64)
    kept = np.isfinite(table).any(0)
    table, places = table[:, kept], places[kept]
    return places, np.nanmean(table, 0), np.nanmin(table, 0), np.nanmax(table, 0)
