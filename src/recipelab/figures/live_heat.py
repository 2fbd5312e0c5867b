"""A matrix of coloured cells for plotly.js."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Heat, Panel
from recipelab.figures.live_values import Trace, braced, escaped, named, numbers, plain
from recipelab.figures.palette import BLUES, STATES
from recipelab.figures.words import shortened

MANY = 60  # columns from which on there is no room between cells
LONGEST = 200  # letters of a name
STOPS = 16  # of a scale of colours that is no straight line


def heat_traces(mark: Heat, panel: Panel) -> list[Trace]:
    """The cells; of a matrix of states also what the legend says of them."""
    values = np.asarray(mark.values, dtype=np.float64)
    shown = np.where(values > 0, values, np.nan) if mark.log or mark.root else values
    found: Trace = {
        "type": "heatmap",
        "x": cell_names(panel.x, values.shape[1]),
        "y": cell_names(panel.y, values.shape[0]),
        "z": [numbers(row) for row in shown],
        "xgap": 1 if values.shape[1] <= MANY and mark.states is None else 0,
        "ygap": 1,
        "hoverongaps": False,
        "name": "",
    }
    if mark.texts is not None:
        found |= {"text": [escaped(row) for row in mark.texts], "texttemplate": "%{text}"}
    said = f"{_said(panel.y, 'y')}<br>{_said(panel.x, 'x')}"
    if mark.states is None:
        value = f"{braced(plain(mark.label))}: " if mark.label else ""
        return [{**found, **_scale(mark, shown), "hovertemplate": f"{said}<br>{value}%{{z}}<extra></extra>"}]
    words = [[plain(mark.states[int(v)]) if np.isfinite(v) else "" for v in row] for row in values]
    two = [[0, STATES[0]], [0.5, STATES[0]], [0.5, STATES[1]], [1, STATES[1]]]
    colours: Trace = {"colorscale": two, "zmin": 0, "zmax": 1, "showscale": False}
    found |= {"hovertext": words, "hovertemplate": f"{said}<br>%{{hovertext}}<extra></extra>"}
    return [{**found, **colours}, *_legend(mark.states)]


def cell_names(axis: Axis, count: int) -> list[str]:
    """A name a cell along an axis, each its own: what two share is told apart by marks without width."""
    found: dict[str, None] = {}
    for name in axis.categories if axis.categories is not None else map(str, range(count)):
        shown = plain(shortened(name, LONGEST))
        while shown in found:
            shown += "\u200b"
        found[shown] = None
    return list(found)


def _said(axis: Axis, letter: str) -> str:
    return f"{braced(plain(axis.label))} %{{{letter}}}".strip()


def _scale(mark: Heat, values: NDArray[np.float64]) -> Trace:
    """Colours by value; by its logarithm or root where few are to be seen beside many, and the values stay as they
    are."""
    there = values[np.isfinite(values)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    plainly = not mark.log and not mark.root
    if not plainly:
        low, high = (low or 1.0, max(high, 2 * low)) if mark.log else (0.0, high or 1.0)
    shares = np.linspace(0, 1, STOPS + 1)
    at = low * (high / low) ** shares - low if mark.log else (high - low) * shares ** (2 if mark.root else 1)
    stops = [
        [float(f"{place / (high - low or 1.0):.4g}"), colour] for place, colour in zip(at, _blues(shares), strict=True)
    ]
    stops[0][0], stops[-1][0] = 0, 1
    found: Trace = {"colorscale": stops, "zmin": numbers([low])[0], "zmax": numbers([high])[0], "showscale": plainly}
    if plainly:
        found["colorbar"] = {"title": {"text": plain(mark.label), "side": "right"}, "thickness": 12}
    return found


def _blues(shares: NDArray[np.float64]) -> list[str]:
    """Colours between those of the palette."""
    known = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in BLUES], dtype=np.float64)
    mixed = [np.interp(shares, np.linspace(0, 1, len(BLUES)), known[:, channel]) for channel in range(3)]
    return ["#" + "".join(f"{round(float(part)):02x}" for part in parts) for parts in zip(*mixed, strict=True)]


def _legend(states: Sequence[str]) -> list[Trace]:
    """A square a state, without a place."""
    square: Trace = {"type": "scatter", "mode": "markers", "x": [None], "y": [None]}
    pairs = zip(states[::-1], STATES[::-1], strict=True)
    return [{**square, "marker": {"symbol": "square", "size": 11, "color": c}, **named(word)} for word, c in pairs]
