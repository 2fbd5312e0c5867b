"""Charts as figures of a page: what plotly.js draws, as plain containers that JSON can say.

The page sets fonts and the colour of text for light and dark; here every colour is one that can be seen on both, and
grounds are transparent. Text is escaped, so that a name is never taken for markup.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Chart, Figure, Heat, Panel, Parallel
from recipelab.figures.live_marks import trace_of
from recipelab.figures.live_parallel import parallel_traces
from recipelab.figures.live_values import GREY, numbers, plain, scale_of

HIGH, ROW, CELL = 330, 24, 30  # pixels of a panel, of a category on the upright axis, of a matrix's cell
GAP_X, GAP_Y = 0.07, 74  # between panels: a share of the width, and pixels
TOP, BOTTOM, LEGEND = 34, 56, 22  # pixels above and below, and of a row of the legend
NAMES = 40  # names along an axis, at most


def live(figure: Figure, columns: int | None = None) -> dict[str, Any] | None:
    """{"data": traces, "layout": layout} for Plotly.newPlot; None for images, which a page shows as pictures.

    columns: panels in a row instead of the chart's own, for a narrow page. layout.height is in pixels, the width is
    the page's. Numbers have six digits; what is not finite is null. `customdata` of a dot is the record behind it.
    """
    if isinstance(figure, Chart):
        return _chart(figure, columns or figure.columns)
    if isinstance(figure, Parallel):
        return {"data": parallel_traces(figure), "layout": {**_plain(), "height": 380, "margin": _margin(60)}}
    return None


def _chart(chart: Chart, columns: int) -> dict[str, Any]:
    columns = max(1, min(columns, len(chart.panels)))
    rows = math.ceil(len(chart.panels) / columns)
    heights = [max(map(_height, chart.panels[row * columns : (row + 1) * columns])) for row in range(rows)]
    tall = sum(heights) + GAP_Y * (rows - 1)
    layout: dict[str, Any] = {**_plain(), "barmode": "overlay", "shapes": [], "annotations": []}
    data: list[dict[str, Any]] = []
    told: set[str] = set()
    for index, panel in enumerate(chart.panels):
        row, column = divmod(index, columns)
        top = 1 - (sum(heights[:row]) + GAP_Y * row) / tall
        width = (1 - GAP_X * (columns - 1)) / columns
        left = column * (width + GAP_X)
        domain = ((left, left + width), (top - heights[row] / tall, top))
        number = "" if index == 0 else str(index + 1)
        _axes(layout, panel, number, domain, "" if chart.shared and index else None)
        for mark in panel.marks:
            trace_of(mark, panel, number, layout, data)
    for one in (*data, *layout["shapes"]):
        one["showlegend"] = chart.legend and bool(one.get("name")) and one["name"] not in told
        told.add(one.get("name") or "")
    legend = LEGEND * math.ceil(sum(one["showlegend"] for one in (*data, *layout["shapes"])) / 4)
    above = TOP + (34 if any(panel.above for panel in chart.panels[:columns]) else 0)
    layout |= {"height": round(tall + above + BOTTOM + legend), "margin": _margin(above, BOTTOM + legend)}
    layout["legend"] = {"orientation": "h", "y": -BOTTOM / tall, "yanchor": "top", "x": 0}
    return {"data": data, "layout": layout}


def _plain() -> dict[str, Any]:
    return {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest"}


def _margin(top: int, bottom: int = 40) -> dict[str, int]:
    return {"l": 64, "r": 16, "t": top, "b": bottom}


def _height(panel: Panel) -> float:
    heat = next((mark for mark in panel.marks if isinstance(mark, Heat)), None)
    names = len(panel.y.categories or ())
    if heat is not None and heat.states is None:
        return min(max(len(heat.values) * CELL, 220), 760)
    return max(names * (ROW if heat is None else 14), 120) if names else HIGH


def _axes(layout: dict[str, Any], panel: Panel, number: str, domain: Any, shared: str | None) -> None:
    """Both axes of a panel, its title and its second scale. shared: that the axes zoom with the first panel's."""
    heat = any(isinstance(mark, Heat) for mark in panel.marks)
    for letter, axis, other in (("x", panel.x, "y"), ("y", panel.y, "x")):
        here = domain[0] if letter == "x" else domain[1]
        found = {"domain": [round(end, 5) for end in here], "anchor": f"{other}{number}", **_axis(axis, letter, heat)}
        if shared is not None:
            found["matches"] = letter
        layout[f"{letter}axis{number}"] = found
    at = {"xref": f"x{number} domain", "yref": f"y{number} domain", "showarrow": False}
    if panel.title:
        words = plain(panel.title)
        layout["annotations"].append({**at, "x": 0, "y": 1, "yshift": 22, "xanchor": "left", "text": f"<b>{words}</b>"})
    if panel.above is not None:
        label, ticks = panel.above
        layout["annotations"].append({**at, "x": 1, "y": 1, "yshift": 34, "xanchor": "right", "text": plain(label)})
        for place, text in ticks:
            x = math.log10(place) if panel.x.log else place
            tick = {**at, "xref": f"x{number}", "x": numbers([x])[0], "y": 1, "yshift": 10, "font": {"size": 10}}
            layout["annotations"].append({**tick, "text": plain(text)})


def _axis(axis: Axis, letter: str, heat: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": {"text": plain(axis.label)},
        "automargin": True,
        "zeroline": False,
        "gridcolor": f"{GREY}40",
        "showgrid": not heat,
    }
    if axis.log:
        found |= {"type": "log", "dtick": "D2", "exponentformat": "none"}
    if axis.categories is not None:
        every = max(1, math.ceil(len(axis.categories) / NAMES))
        places = list(range(0, len(axis.categories), every))
        names = [plain(name) for name in axis.categories[::every]]
        found |= {"tickvals": places, "ticktext": names, "showgrid": not heat and letter == "x"}
    down = axis.reverse or (heat and letter == "y")
    limits = _limits(axis, heat)
    if limits is not None:
        found["range"] = numbers(limits[::-1] if down else limits)
    elif down:
        found["autorange"] = "reversed"
    return found


def _limits(axis: Axis, heat: bool) -> tuple[float, float] | None:
    if axis.limits is not None:
        low, high = (end * scale_of(axis) for end in axis.limits)
        return (float(np.log10(low)), float(np.log10(high))) if axis.log else (low, high)
    if axis.categories is not None:
        edge = 0.5 if heat else 0.6
        return -edge, len(axis.categories) - 1 + edge
    return None
