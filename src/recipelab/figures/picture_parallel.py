"""Parallel coordinates as a picture: an upright axis a dimension, a line a run, coloured by what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Dimension, Parallel
from recipelab.figures.palette import INK, MUTED
from recipelab.figures.picture_frame import heading, shortened

MAP = "cividis"  # Nuñez et al. 2018: even in brightness for any colour vision
HIGH = 3.6  # inches
TICKS = 5  # numbers along an axis


def parallel_picture(figure: Parallel, caption: str) -> Canvas:
    """A picture of lines across all dimensions, the last of them the value itself."""
    shown = [*figure.dimensions, figure.value]
    width = max(6.5, 1.5 * len(shown) + 1)
    canvas = Canvas(layout="constrained")
    heading(canvas, figure.title, caption, (width, HIGH))
    axes = canvas.add_subplot()
    axes.set(xlim=(-0.15, len(shown) - 0.7), ylim=(-0.04, 1.04), yticks=[])
    axes.set_xticks(range(len(shown)), [dimension.axis.label for dimension in shown], parse_math=False, color=INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    heights = np.stack([heights_of(dimension) for dimension in shown], axis=1)
    values = np.asarray(figure.value.values, dtype=np.float64)
    norm = Normalize(float(np.nanmin(values)), float(np.nanmax(values)))
    for row in np.argsort(values):  # the best above the others
        colour = colormaps[MAP](norm(values[row]))
        axes.plot(range(len(shown)), heights[row], color=colour, linewidth=1.6, alpha=0.85, solid_joinstyle="round")
    for place, dimension in enumerate(shown):
        _scale(axes, place, dimension)
    return canvas


def heights_of(dimension: Dimension) -> NDArray[np.float64]:
    """Where each value stands on its axis, from 0 to 1: (runs,)."""
    values = _plain(dimension.values, dimension.axis)
    low, high = _ends(dimension)
    return np.full(len(values), 0.5) if high == low else (values - low) / (high - low)


def _plain(values: Any, axis: Axis) -> NDArray[np.float64]:
    there = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(there) if axis.log else there


def _ends(dimension: Dimension) -> tuple[float, float]:
    if dimension.axis.categories is not None:
        return 0.0, float(len(dimension.axis.categories) - 1)
    values = _plain(dimension.values, dimension.axis)
    there = values[np.isfinite(values)]
    return (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)


def _scale(axes: Any, place: int, dimension: Dimension) -> None:
    """The upright axis of a dimension, with its numbers or names."""
    axis = dimension.axis
    axes.axvline(place, color=MUTED, linewidth=0.8, zorder=3)
    low, high = _ends(dimension)
    if axis.categories is not None:
        ticks = [(float(index), shortened(name, 18)) for index, name in enumerate(axis.categories)]
    else:
        values = sorted(set(_plain(dimension.values, axis).tolist()))
        values = values if len(values) <= TICKS else np.linspace(low, high, TICKS).tolist()
        ticks = [(v, f"{(10**v if axis.log else v) * (100 if axis.percent else 1):.3g}") for v in values]
    for value, text in ticks:
        height = 0.5 if high == low else (value - low) / (high - low)
        beside = {"ha": "left", "va": "center", "fontsize": 7.5, "color": INK, "parse_math": False, "zorder": 4}
        ground = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}
        axes.text(place + 0.03, height, text, bbox=ground, **beside)
