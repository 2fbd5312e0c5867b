"""A matrix of coloured cells for plotly.js."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Heat, Panel
from recipelab.figures.live_values import Trace, escaped, named, numbers
from recipelab.figures.palette import STATES

BLUES = [[0, "#deebf7"], [0.25, "#9ecae1"], [0.5, "#4292c6"], [0.75, "#2171b5"], [1, "#08306b"]]
MANY = 60  # columns from which on there is no room between cells


def heat_traces(mark: Heat, panel: Panel) -> list[Trace]:
    """The cells; of a matrix of states also what the legend says of them."""
    values = np.asarray(mark.values, dtype=np.float64)
    coloured = _coloured(mark, values)
    plain = mark.states is None and not mark.log and not mark.root
    found: Trace = {
        "type": "heatmap",
        "x": list(range(values.shape[1])),
        "y": list(range(values.shape[0])),  # places: two classes may have one name
        "z": [numbers(row) for row in coloured],
        "hovertext": _words(mark, panel, values, coloured),
        "hovertemplate": "%{hovertext}<extra></extra>",
        "colorscale": BLUES,
        "showscale": plain,
        "xgap": 1 if values.shape[1] <= MANY and mark.states is None else 0,
        "ygap": 1,
        "hoverongaps": False,
        "name": "",
    }
    if mark.texts is not None:
        found |= {"text": [escaped(row) for row in mark.texts], "texttemplate": "%{text}"}
    if plain:
        found["colorbar"] = {"title": {"text": escaped([mark.label])[0], "side": "right"}, "thickness": 12}
    if mark.states is None:
        return [found]
    two = [[0, STATES[0]], [0.5, STATES[0]], [0.5, STATES[1]], [1, STATES[1]]]
    return [{**found, "colorscale": two, "zmin": 0, "zmax": 1}, *_legend(mark.states)]


def _coloured(mark: Heat, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the colours say; nothing for a cell of 0 where few are to be seen beside many."""
    if not mark.log and not mark.root:
        return values
    there = np.where(values > 0, values, np.nan)
    return np.log10(there) if mark.log else np.sqrt(there)


def _words(mark: Heat, panel: Panel, values: NDArray[np.float64], coloured: NDArray[np.float64]) -> list[list[str]]:
    """What each cell says when it is pointed at; empty cells nothing."""
    rows, columns = _names(panel.y, values.shape[0]), _names(panel.x, values.shape[1])

    def word(row: int, column: int) -> str:
        value = values[row, column]
        if not np.isfinite(coloured[row, column]):
            return ""
        said = mark.states[int(value)] if mark.states is not None else f"{mark.label}: {value:.5g}"
        return f"{panel.y.label} {rows[row]}\n{panel.x.label} {columns[column]}\n{said}"

    return [escaped(word(r, c) for c in range(values.shape[1])) for r in range(values.shape[0])]


def _names(axis: Axis, count: int) -> list[str]:
    return list(axis.categories) if axis.categories is not None else [str(index) for index in range(count)]


def _legend(states: tuple[str, str]) -> list[Trace]:
    """A square a state, without a place."""
    square: Trace = {"type": "scatter", "mode": "markers", "x": [None], "y": [None]}
    pairs = zip(states[::-1], STATES[::-1], strict=True)
    return [{**square, "marker": {"symbol": "square", "size": 11, "color": c}, **named(word)} for word, c in pairs]
