"""The axes of a panel for plotly.js: labels, names, numbers, a title, and a second scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Line, Panel, Points, counted, heat_of
from recipelab.figures.live_heat import cell_names
from recipelab.figures.live_plan import ABOVE, LETTER, LETTERS, LINE, Place, longest, turned
from recipelab.figures.live_values import GREY, in_lines, numbers, plain, scale_of
from recipelab.figures.words import shortened

NAMES = 40  # names along an axis, at most
SMALL = {"size": 12}
PLAIN: dict[str, Any] = {"automargin": True, "zeroline": False, "gridcolor": f"{GREY}40", "tickfont": SMALL}


def add_axes(layout: dict[str, Any], panel: Panel, number: str, place: Place, *, shared: bool) -> None:
    """Both axes of a panel, its title and its second scale. shared: that the axes zoom with the first panel's."""
    x0, x1, y0, y1 = place.domain
    heat = heat_of(panel)
    sides: Any = (("x", panel.x, "y", (x0, x1), place.x_label), ("y", panel.y, "x", (y0, y1), place.y_label))
    for letter, axis, other, ends, label in sides:
        found: dict[str, Any] = {"domain": [round(end, 5) for end in ends], "anchor": f"{other}{number}"}
        found |= {"title": {"text": in_lines(label), "font": SMALL, "standoff": 6}, **PLAIN}
        room = place.inner if letter == "x" else place.high
        found |= _axis(axis, letter) if heat is None else _cells(axis, letter, heat.values.shape[letter == "x"], room)
        if axis.log and 1 <= _decades(panel, letter) <= 2.5:
            found |= _fine(panel, letter)
        if letter == "x" and axis.categories is not None:
            found["tickangle"] = -turned(axis, place.inner)
            if not found["tickangle"] and heat is not None:
                found["nticks"] = max(1, int(place.inner / (longest(axis) * LETTER + 12)))
        if letter == "x" and counted(panel) and _reach(panel, "x") <= 8:
            found["dtick"] = 1
        if letter == "y" and axis.categories is not None and heat is None:
            found["ticktext"] = [in_lines(name) for name in place.names]
        if shared:
            found["matches"] = letter
        layout[f"{letter}axis{number}"] = found
    at = {"xref": f"x{number} domain", "yref": f"y{number} domain", "showarrow": False}
    if place.title:
        style = {"xanchor": "left", "yanchor": "bottom", "align": "left", "text": f"<b>{in_lines(place.title)}</b>"}
        layout["annotations"].append({**at, "x": 0, "y": 1, "yshift": 4 + (ABOVE if panel.above else 0), **style})
    if panel.above is not None:
        _second_scale(layout, panel, at, place.inner)


def _second_scale(layout: dict[str, Any], panel: Panel, at: dict[str, Any], room: float) -> None:
    assert panel.above is not None
    label, ticks = panel.above
    side = {"x": 1, "y": 1, "yshift": 16, "xanchor": "right", "yanchor": "bottom", "text": plain(label)}
    layout["annotations"].append({**at, **side})
    reach, end = _decades(panel, "x") if panel.x.log else _reach(panel, "x"), -math.inf
    for value, text in sorted(ticks):
        x = math.log10(value) if panel.x.log else value
        if (x - end) / (reach or 1.0) * room >= 1.1 * len(text) * LETTER + 6:  # the axis reaches beyond its data
            tick = {**at, "xref": at["xref"].split()[0], "x": numbers([x])[0], "y": 1, "yshift": 10}
            layout["annotations"].append({**tick, "text": plain(text), "font": {"size": 10}})
            end = x


def _axis(axis: Axis, letter: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if axis.log:
        found |= {"type": "log", "exponentformat": "e"}
    if axis.categories is not None:
        every = max(1, math.ceil(len(axis.categories) / NAMES)) if letter == "x" else 1
        found |= {"tickvals": list(range(0, len(axis.categories), every)), "showgrid": letter == "x"}
        found["ticktext"] = [plain(shortened(name, LETTERS)) for name in axis.categories[::every]]
    limits = _limits(axis)
    if limits is not None:
        found["range"] = numbers(limits[::-1] if axis.reverse else limits)
    elif axis.reverse:
        found["autorange"] = "reversed"
    return found


def _cells(axis: Axis, letter: str, count: int, room: float) -> dict[str, Any]:
    """An axis of a matrix, by the names of its cells: plotly.js shows as many as fit. Of long names it is told which,
    in their short form; the whole ones are said where they are pointed at."""
    ends = [-0.5, count - 0.5]
    found: dict[str, Any] = {"type": "category", "ticks": "", "showgrid": False}
    found["range"] = ends[::-1] if letter == "y" else ends
    if axis.categories is not None and max(map(len, axis.categories), default=0) > LETTERS:
        every = max(1, math.ceil(LINE * count / room))
        found["tickvals"] = cell_names(axis, count)[::every]
        found["ticktext"] = [plain(shortened(name, LETTERS)) for name in axis.categories[::every]]
    return found


def _limits(axis: Axis) -> tuple[float, float] | None:
    if axis.limits is not None:
        low, high = (end * scale_of(axis) for end in axis.limits)
        return (float(np.log10(low)), float(np.log10(high))) if axis.log else (low, high)
    return (-0.6, len(axis.categories) - 0.4) if axis.categories is not None else None


def _ends(panel: Panel, letter: str) -> tuple[float, float]:
    """The least and the largest value along an axis: as it is limited, or of its lines and dots."""
    axis = panel.x if letter == "x" else panel.y
    if axis.limits is not None:
        return axis.limits
    values = [np.asarray(getattr(mark, letter), np.float64) for mark in panel.marks if isinstance(mark, Line | Points)]
    there = np.concatenate(values) if values else np.ones(1)
    there = there[np.isfinite(there) & ((there > 0) | (not axis.log))]
    return (float(there.min()), float(there.max())) if len(there) else (1.0, 1.0)


def _fine(panel: Panel, letter: str) -> dict[str, Any]:
    """1, 2, 5, 10, ... along a logarithmic axis, written out: plotly.js itself would write 0.5 as 5."""
    low, high = _ends(panel, letter)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    values = [float(f"{m}e{power}") for power in powers for m in (1, 2, 5)]
    return {"tickvals": values, "ticktext": [f"{value:g}" for value in values]}


def _reach(panel: Panel, letter: str) -> float:
    low, high = _ends(panel, letter)
    return high - low


def _decades(panel: Panel, letter: str) -> float:
    low, high = _ends(panel, letter)
    return math.log10(high / low)
