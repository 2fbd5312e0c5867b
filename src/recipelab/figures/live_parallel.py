"""Parallel coordinates for plotly.js, whose axes can be brushed and moved."""

from __future__ import annotations

from typing import Any

import numpy as np

from recipelab.figures.chart import Dimension, Parallel
from recipelab.figures.live_plan import broken
from recipelab.figures.live_values import numbers, plain, scale_of

SCALE = "Cividis"  # Nuñez et al. 2018: even in brightness for any colour vision
TICKS = 5  # numbers along a logarithmic axis
BETWEEN, HIGH, TOP, SIDES = 120, 320, 44, 120  # pixels between two axes at least, of an axis, above and beside them


def parallel_traces(figure: Parallel) -> list[dict[str, Any]]:
    """One trace. plotly.js has no logarithmic axis of this kind, so logarithms are drawn and named by their values."""
    values = np.asarray(figure.value.values, dtype=np.float64) * scale_of(figure.value.axis)
    bar = {"title": {"text": plain(figure.value.axis.label), "side": "right"}, "thickness": 12}
    line = {"color": numbers(values), "colorscale": SCALE, "showscale": True, "colorbar": bar}
    shown = [_dimension(dimension) for dimension in (*figure.dimensions, figure.value)]
    return [{"type": "parcoords", "line": line, "dimensions": shown, "name": ""}]


def parallel_layout(figure: Parallel, width: int) -> dict[str, Any]:
    """Height, margins, and a width where the axes need more than the page has, which scrolls then."""
    needed = BETWEEN * len(figure.dimensions) + SIDES + 60
    wide = {"width": needed} if needed > width else {}
    return {**wide, "height": HIGH + TOP + 30, "margin": {"l": SIDES // 2, "r": SIDES // 2, "t": TOP, "b": 30}}


def _label(dimension: Dimension) -> str:
    return plain(broken(dimension.axis.label, BETWEEN - 4, 1))  # a second line would lie on the axis


def _dimension(dimension: Dimension) -> dict[str, Any]:
    axis = dimension.axis
    values = np.asarray(dimension.values, dtype=np.float64) * scale_of(axis)
    found: dict[str, Any] = {"label": _label(dimension)}
    if axis.log:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log10(values)
        there = values[np.isfinite(values)]
        each = sorted(set(there.tolist()))
        if len(each) > TICKS:
            each = np.linspace(each[0], each[-1], TICKS).tolist()
        found |= {"tickvals": numbers(each), "ticktext": [f"{10**value:.3g}" for value in each]}
    elif axis.categories is not None:
        names = [plain(broken(name, BETWEEN - 20, 1)) for name in axis.categories]
        found |= {"tickvals": list(range(len(names))), "ticktext": names}
    return {**found, "values": numbers(values)}
