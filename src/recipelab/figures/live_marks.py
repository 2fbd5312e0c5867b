"""The marks of a chart as traces of plotly.js."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recipelab.figures.boxes import box_of, thickness
from recipelab.figures.chart import Axis, Bars, Boxes, Heat, Line, Mark, Numbers, Panel, Points, Rule, Span
from recipelab.figures.live_heat import heat_traces
from recipelab.figures.live_shapes import DASHES, rule_shape, span_shape
from recipelab.figures.live_values import Trace, braced, escaped, named, numbers, plain, scale_of, seen
from recipelab.figures.palette import COLOURS

AGAIN = ("solid", "longdashdot", "dashdot")  # of colours that come a second and a third time
SHAPES = {"circle": "circle", "cross": "x", "diamond": "diamond", "square": "square"}
FEW, DENSE = 30, 400  # points of a line that are dots too; points that are small
LABELLED = 12  # dots with words beside them, at most; the others say theirs when they are pointed at


def trace_of(mark: Mark, panel: Panel, number: str, layout: dict[str, Any], data: list[Trace]) -> None:
    """Add what a mark is to `data`, or to the layout's shapes. number: of its axes, "" for the first."""
    at = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    if isinstance(mark, Rule):
        layout["shapes"].append(rule_shape(mark, panel, number))
    elif isinstance(mark, Span):
        layout["shapes"].append(span_shape(mark, panel, number))
    else:
        data += [{**one, **at} for one in _MAKE[type(mark)](mark, panel)]


def _along(values: Numbers, axis: Axis) -> list[float | None]:
    return numbers(np.asarray(values, dtype=np.float64) * scale_of(axis))


def _hover(mark: Line | Points, panel: Panel) -> Trace:
    """What is said where it is pointed at: the texts given, or name and both values."""
    if isinstance(mark, Points) and mark.texts:
        return {"hovertext": escaped(mark.texts), "hovertemplate": "%{hovertext}<extra></extra>"}
    x, y = (plain(axis.label) or letter for axis, letter in ((panel.x, "x"), (panel.y, "y")))
    words = f"{braced(y)}: {_place(panel.y, 'y')}<br>{braced(x)}: {_place(panel.x, 'x')}"
    found: Trace = {"hovertemplate": f"{words}<extra>{braced(plain(mark.name))}</extra>"}
    for axis, places in ((panel.x, mark.x), (panel.y, mark.y)):
        if axis.categories is not None:
            found["hovertext"] = [_category(axis, place) for place in np.asarray(places, dtype=np.float64)]
    return found


def _place(axis: Axis, letter: str) -> str:
    return "%{hovertext}" if axis.categories is not None else f"%{{{letter}:.5~g}}"


def _category(axis: Axis, place: float) -> str:
    assert axis.categories is not None
    index = round(place)
    return plain(axis.categories[index]) if 0 <= index < len(axis.categories) else ""


def _line(mark: Line, panel: Panel) -> list[Trace]:
    colour = seen(mark.colour)
    found: list[Trace] = []
    if mark.low is not None and mark.high is not None:
        found += _band(mark, panel, colour)
    dash = DASHES[mark.dash] if mark.dash != "solid" else AGAIN[mark.colour // len(COLOURS) % len(AGAIN)]
    dots = len(mark.x) <= FEW and not mark.faint and not mark.step
    found.append(
        {
            "type": "scatter",
            "mode": "lines+markers" if dots else "lines",
            "x": _along(mark.x, panel.x),
            "y": _along(mark.y, panel.y),
            "line": {
                "color": colour,
                "dash": dash,
                "width": 1 if mark.faint else 2,
                "shape": "hv" if mark.step else "linear",
            },
            "marker": {"size": 4, "color": colour},
            "opacity": 0.6 if mark.faint else 1,
            **named(mark.name),
            **_hover(mark, panel),
        }
    )
    return found


def _band(mark: Line, panel: Panel, colour: str) -> list[Trace]:
    """Outlines of the band, one a stretch without a gap."""
    low, high = np.asarray(mark.low, dtype=np.float64), np.asarray(mark.high, dtype=np.float64)
    x = np.asarray(mark.x, dtype=np.float64)
    there = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    outline: dict[str, list[float | None]] = {"x": [], "y": []}
    for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1) if len(there) else []:
        gap: list[float | None] = [None] if outline["x"] else []
        outline["x"] += gap + _along(np.concatenate([x[run], x[run][::-1]]), panel.x)
        outline["y"] += gap + _along(np.concatenate([low[run], high[run][::-1]]), panel.y)
    named = {"legendgroup": plain(mark.name)} if mark.name else {}
    fill = {"fill": "toself", "fillcolor": f"{colour}2e", "line": {"width": 0}, "hoverinfo": "skip", "mode": "lines"}
    return [{"type": "scatter", **outline, **fill, **named}] if outline["x"] else []


def _points(mark: Points, panel: Panel) -> list[Trace]:
    colour = seen(mark.colour)
    hollow = mark.colour // len(COLOURS) % 2 == 1
    shape = SHAPES.get(mark.shape) or ("line-ns" if mark.along == "x" else "line-ew")
    marker: Trace = {"symbol": f"{shape}-open" if hollow or mark.shape == "tick" else shape, "color": colour, "size": 9}
    if mark.shape == "tick":
        marker |= {"size": 14, "line": {"width": 3, "color": colour}}
    if len(mark.x) > DENSE:
        marker |= {"size": 4, "opacity": 0.5}
    found: Trace = {
        "type": "scattergl" if len(mark.x) > 5 * DENSE else "scatter",
        "mode": "markers",
        "x": _along(mark.x, panel.x) or [None],
        "y": _along(mark.y, panel.y) or [None],
        "marker": marker,
        **named(mark.name),
        **_hover(mark, panel),
    }
    if mark.low is not None and mark.high is not None:
        along = panel.x if mark.along == "x" else panel.y
        middle = np.asarray(mark.x if mark.along == "x" else mark.y, dtype=np.float64)
        ends = {"array": np.asarray(mark.high) - middle, "arrayminus": middle - np.asarray(mark.low)}
        bars: Trace = {"symmetric": False, "thickness": 1.5, "width": 0, "color": colour}
        found[f"error_{mark.along}"] = {"type": "data", **bars, **{k: _along(v, along) for k, v in ends.items()}}
    if 0 < len(mark.labels) <= LABELLED:
        found |= {"mode": "markers+text", "text": escaped(mark.labels), "textposition": "top center"}
        found["textfont"] = {"size": 10}
    if mark.runs:
        found["customdata"] = list(mark.runs)
    return [found]


def _bars(mark: Bars, panel: Panel) -> list[Trace]:
    edges = np.asarray(mark.edges, dtype=np.float64)
    colour = seen(mark.colour)
    return [
        {
            "type": "bar",
            "x": _along((edges[1:] + edges[:-1]) / 2, panel.x),
            "width": _along(np.diff(edges), panel.x),
            "y": _along(mark.heights, panel.y),
            "marker": {"color": f"{colour}59", "line": {"color": colour, "width": 1}},
            **named(mark.name),
        }
    ]


def _boxes(mark: Boxes, panel: Panel) -> list[Trace]:
    along, across = (panel.x, "y") if mark.along == "x" else (panel.y, "x")
    places = [p for other in panel.marks if isinstance(other, Boxes) for p in np.asarray(other.at, dtype=np.float64)]
    boxes = [box_of(values) for values in mark.values]
    colour = seen(mark.colour)
    quartiles = {"q1": "q1", "median": "median", "q3": "q3", "lowerfence": "low", "upperfence": "high"}
    found: Trace = {
        "type": "box",
        "orientation": "h" if mark.along == "x" else "v",
        across: numbers(mark.at),
        "width": thickness(places),
        "line": {"color": colour, "width": 1.5},
        "fillcolor": f"{colour}40",
        "hoverinfo": f"{mark.along}+name",
        **{key: _along([getattr(box, name) for box in boxes], along) for key, name in quartiles.items()},
        **named(mark.name),
    }
    far = [(place, value) for place, box in zip(mark.at, boxes, strict=True) for value in box.outside]
    dots = {across: numbers(p for p, _ in far), mark.along: _along([v for _, v in far], along)}
    outside: Trace = {
        "type": "scatter",
        "mode": "markers",
        **dots,
        "marker": {"symbol": "diamond", "size": 5, "color": colour},
    }
    return (
        [found, {**outside, "legendgroup": found.get("legendgroup", ""), "hoverinfo": mark.along}] if far else [found]
    )


_MAKE: dict[type, Callable[[Any, Panel], list[Trace]]] = {
    Line: _line, Points: _points, Bars: _bars, Boxes: _boxes, Heat: heat_traces,
}  # fmt: skip
