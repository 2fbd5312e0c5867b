"""Parallel coordinates for plotly.js, as ordinary lines: plotly's own kind needs WebGL and says no values on hover."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from recipelab.figures.chart import Dimension, Parallel
from recipelab.figures.live_plan import LINE, broken
from recipelab.figures.live_values import GREY, Trace, in_lines, numbers, plain, scale_of
from recipelab.figures.parallel_scales import heights_of, ticks_of

SHADES = 12  # of the lines: each is one trace, however many runs there are
SCALE = sample_colorscale("Cividis", np.linspace(0.25, 0.9, SHADES).tolist())
"""Nuñez et al. 2018: even in brightness for any colour vision; without its ends, to be seen on white and on black."""
BETWEEN, HIGH, SIDES = 112, 320, 110  # pixels between two axes at least, of an axis, and beside them all


def parallel_traces(figure: Parallel) -> list[Trace]:
    """Lines shade by shade, the axes with their numbers and names, and the bar that tells the shades."""
    shown = [*figure.dimensions, figure.value]
    heights = np.stack([heights_of(dimension) for dimension in shown], axis=1)
    values = np.asarray(figure.value.values, dtype=np.float64) * scale_of(figure.value.axis)
    said = _said(figure, shown)
    shades = _shades(values)
    lines = [_lines(heights, said, shades == shade, SCALE[shade]) for shade in np.unique(shades)]
    return [*lines, *(_axis(place, dimension) for place, dimension in enumerate(shown)), _bar(figure, values)]


def parallel_layout(figure: Parallel, width: int) -> dict[str, Any]:
    """Height, margins, and a width where the axes need more than the page has, which scrolls then."""
    shown = [*figure.dimensions, figure.value]
    needed = BETWEEN * len(figure.dimensions) + SIDES + 60
    labels = [_label(dimension) for dimension in shown]
    top = 40 + LINE * max(label.count("<br>") for label in labels)
    plain_axis = {"showgrid": False, "zeroline": False, "fixedrange": True}
    return {
        **({"width": needed} if needed > width else {}),
        "height": HIGH + top + 30,
        "margin": {"l": SIDES // 2, "r": SIDES // 2, "t": top, "b": 30},
        "showlegend": False,
        "xaxis": {
            **plain_axis,
            "side": "top",
            "range": [-0.05, len(shown) - 0.65],
            "tickvals": list(range(len(shown))),
            "ticktext": labels,
            "tickangle": 0,
        },
        "yaxis": {**plain_axis, "range": [-0.04, 1.04], "visible": False},
    }


def _label(dimension: Dimension) -> str:
    return in_lines(broken(dimension.axis.label, BETWEEN - 8))


def _said(figure: Parallel, shown: list[Dimension]) -> list[list[str]]:
    """What a line says at each axis: run by run, axis by axis."""
    texts = figure.texts or [""] * len(figure.value.values)
    return [
        [f"{plain(one.axis.label)}: {_value(one, run)}" + (f"<br>{plain(text)}" if text else "") for one in shown]
        for run, text in enumerate(texts)
    ]


def _value(dimension: Dimension, run: int) -> str:
    value = float(dimension.values[run])
    if not np.isfinite(value):
        return "none"
    categories = dimension.axis.categories
    return plain(categories[round(value)]) if categories is not None else f"{value * scale_of(dimension.axis):.4g}"


def _shades(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which shade each line has: (runs,)."""
    there = values[np.isfinite(values)]
    low, high = (there.min(), there.max()) if len(there) else (0.0, 0.0)
    share = (values - low) / (high - low) if high > low else np.ones_like(values)
    return np.clip(np.nan_to_num(share, posinf=1.0, neginf=0.0) * SHADES, 0, SHADES - 1).astype(np.int64)


def _lines(heights: NDArray[np.float64], said: list[list[str]], which: NDArray[np.bool_], colour: str) -> Trace:
    """All lines of a shade, apart by gaps. heights: (runs, axes)."""
    runs, axes = np.flatnonzero(which), heights.shape[1]
    gaps = np.full((len(runs), 1), np.nan)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": numbers(np.hstack([np.tile(np.arange(axes, dtype=np.float64), (len(runs), 1)), gaps]).ravel()),
        "y": numbers(np.hstack([heights[runs], gaps]).ravel()),
        "text": [text for run in runs for text in (*said[run], "")],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 1.6},
        "marker": {"color": colour, "size": 4},
        "opacity": 0.85,
        "name": "",
    }


def _axis(place: int, dimension: Dimension) -> Trace:
    """The upright line of a dimension, with its numbers or names beside it."""
    ticks = ticks_of(dimension)
    return {
        "type": "scatter",
        "mode": "lines+text",
        "x": [place] * (len(ticks) + 2),
        "y": numbers([0.0, *(height for height, _ in ticks), 1.0]),
        "text": ["", *(plain(broken(text, BETWEEN - 20, 1)) for _, text in ticks), ""],
        "textposition": "middle right",
        "textfont": {"size": 11},
        "line": {"color": GREY, "width": 1},
        "hoverinfo": "skip",
        "name": "",
    }


def _bar(figure: Parallel, values: NDArray[np.float64]) -> Trace:
    """A dot that is not there, for the bar of colours beside it."""
    there = values[np.isfinite(values)]
    ends = numbers([there.min(), there.max()]) if len(there) else [0.0, 1.0]
    scale = [[index / (SHADES - 1), colour] for index, colour in enumerate(SCALE)]
    title = {"text": plain(figure.value.axis.label), "side": "right"}
    marker: Trace = {"color": [ends[0]], "cmin": ends[0], "cmax": ends[1], "colorscale": scale, "showscale": True}
    marker["colorbar"] = {"title": title, "thickness": 12}
    return {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "marker": marker, "name": ""}
