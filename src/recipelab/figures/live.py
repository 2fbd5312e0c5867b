"""Charts as figures of a page: what plotly.js draws, as plain containers that JSON can say.

The page sets fonts and the colour of text for light and dark; here every colour is one that can be seen on both, and
grounds are transparent. Text is escaped, so that a name is never taken for markup.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Chart, Figure, Heat, Line, Panel, Parallel, Points, counted, heat_of
from recipelab.figures.live_heat import cell_names
from recipelab.figures.live_marks import trace_of
from recipelab.figures.live_parallel import parallel_layout, parallel_traces
from recipelab.figures.live_plan import (
    ABOVE,
    EDGE,
    LETTER,
    LETTERS,
    WIDTHS,
    Place,
    legend_high,
    longest,
    page_of,
    turned,
)
from recipelab.figures.live_values import GREY, numbers, plain, scale_of
from recipelab.figures.words import shortened

NAMES = 40  # names along an axis, at most
SMALL = {"size": 12}
LEGEND = {"orientation": "h", "tracegroupgap": 0, "font": SMALL}
NONE = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest"}


def live(figure: Figure, width: int = WIDTHS[0]) -> dict[str, Any] | None:
    """{"data": traces, "layout": layout} for Plotly.newPlot; None for images, which a page shows as pictures.

    width: pixels that the figure has, or somewhat less; of it depends the layout alone. layout.height is in pixels.
    Numbers have six digits; what is not finite is null. `customdata` of a dot is the record behind it.
    """
    if isinstance(figure, Chart):
        return _chart(figure, width)
    if isinstance(figure, Parallel):
        return {"data": parallel_traces(figure), "layout": {**NONE, **parallel_layout(figure, width)}}
    return None


def _chart(chart: Chart, width: int) -> dict[str, Any]:
    page = page_of(chart, width)
    layout: dict[str, Any] = {**NONE, "barmode": "overlay", "shapes": [], "annotations": []}
    data: list[dict[str, Any]] = []
    for index, (panel, place) in enumerate(zip(chart.panels, page.places, strict=True)):
        number = "" if index == 0 else str(index + 1)
        _axes(layout, panel, number, place, shared=chart.shared and index > 0)
        for mark in panel.marks:
            trace_of(mark, panel, number, layout, data)
    legend = legend_high(_told([*data, *layout["shapes"]], shown=chart.legend), width)
    high = page.high + page.top + page.bottom + legend
    margin = {"l": round(page.left), "r": EDGE, "t": round(page.top), "b": round(page.bottom + legend)}
    layout |= {"height": round(high), "margin": margin}
    layout["legend"] = {"xref": "container", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom", **LEGEND}
    return {"data": data, "layout": layout}


def _told(marks: Sequence[dict[str, Any]], *, shown: bool) -> list[str]:
    """Set which marks stand in the legend, each name once; the names that do, in lines."""
    told: dict[str, None] = {}
    for one in marks:
        name = one.get("name") or ""
        one["showlegend"] = shown and bool(name) and name not in told
        told[name] = None
    return [html.unescape(one["name"].replace("<br>", "\n")) for one in marks if one["showlegend"]]


def _lines(text: str) -> str:
    return plain(text).replace("\n", "<br>")


def _axes(layout: dict[str, Any], panel: Panel, number: str, place: Place, *, shared: bool) -> None:
    """Both axes of a panel, its title and its second scale. shared: that the axes zoom with the first panel's."""
    x0, x1, y0, y1 = place.domain
    heat = heat_of(panel)
    sides: Any = (("x", panel.x, "y", (x0, x1), place.x_label), ("y", panel.y, "x", (y0, y1), place.y_label))
    for letter, axis, other, ends, label in sides:
        found: dict[str, Any] = {"domain": [round(end, 5) for end in ends], "anchor": f"{other}{number}"}
        found |= {"title": {"text": _lines(label), "font": SMALL, "standoff": 6}, **_axis(axis, letter, heat)}
        if axis.log and 1 <= _decades(panel, letter) <= 2.5:
            found |= _fine(panel, letter)
        if letter == "x" and axis.categories is not None:
            found["tickangle"] = -turned(axis, place.inner)
            if not found["tickangle"] and heat is not None:
                found["nticks"] = max(1, int(place.inner / (longest(axis) * LETTER + 12)))
        if letter == "x" and counted(panel) and _reach(panel, "x") <= 8:
            found["dtick"] = 1
        if letter == "y" and axis.categories is not None and heat is None:
            found["ticktext"] = [_lines(name) for name in place.names]
        if shared:
            found["matches"] = letter
        layout[f"{letter}axis{number}"] = found
    at = {"xref": f"x{number} domain", "yref": f"y{number} domain", "showarrow": False}
    if place.title:
        style = {"xanchor": "left", "yanchor": "bottom", "align": "left", "text": f"<b>{_lines(place.title)}</b>"}
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
            tick = {
                **at,
                "xref": at["xref"].split()[0],
                "x": numbers([x])[0],
                "y": 1,
                "yshift": 10,
                "font": {"size": 10},
            }
            layout["annotations"].append({**tick, "text": plain(text)})
            end = x


def _axis(axis: Axis, letter: str, heat: Heat | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "automargin": True,
        "zeroline": False,
        "gridcolor": f"{GREY}40",
        "showgrid": heat is None,
        "tickfont": SMALL,
    }
    if axis.log:
        found |= {"type": "log", "exponentformat": "e"}
    if heat is not None:
        names = cell_names(axis, heat.values.shape[letter == "x"])
        found |= {"type": "category", "categoryorder": "array", "categoryarray": names, "ticks": ""}
    elif axis.categories is not None:
        every = max(1, math.ceil(len(axis.categories) / NAMES)) if letter == "x" else 1
        found |= {"tickvals": list(range(0, len(axis.categories), every)), "showgrid": letter == "x"}
        found["ticktext"] = [plain(shortened(name, LETTERS)) for name in axis.categories[::every]]
    down = axis.reverse or (heat is not None and letter == "y")
    limits = _limits(axis, heat, letter)
    if limits is not None:
        found["range"] = numbers(limits[::-1] if down else limits)
    elif down:
        found["autorange"] = "reversed"
    return found


def _limits(axis: Axis, heat: Heat | None, letter: str) -> tuple[float, float] | None:
    if heat is not None:
        return -0.5, heat.values.shape[letter == "x"] - 0.5
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
