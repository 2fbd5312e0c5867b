"""Charts as figures of a page: what plotly.js draws, as plain containers that JSON can say.

The page sets fonts and the colour of text for light and dark; here every colour is one that can be seen on both, and
grounds are transparent. Text is escaped, so that a name is never taken for markup.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from recipelab.figures.chart import Chart, Figure, Parallel
from recipelab.figures.live_axes import SMALL, add_axes
from recipelab.figures.live_marks import trace_of
from recipelab.figures.live_parallel import parallel_layout, parallel_traces
from recipelab.figures.live_plan import EDGE, WIDTHS, legend_high, page_of

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
        add_axes(layout, panel, number, place, shared=chart.shared and index > 0)
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
