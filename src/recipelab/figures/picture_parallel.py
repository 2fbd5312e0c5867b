"""Parallel coordinates as a picture: an upright axis a dimension, a line a run, coloured by what came of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Dimension, Parallel
from recipelab.figures.palette import INK, MUTED
from recipelab.figures.picture_frame import heading
from recipelab.figures.picture_text import high, wrapped

MAP = "cividis"  # Nuñez et al. 2018: even in brightness for any colour vision
HIGH, BETWEEN = 3.6, 1.5  # inches, and between two axes
NAME, SMALL = 9.5, 7.5  # points of an axis's name, and of what stands on it
TICKS, NAMES = 5, 22  # numbers and names along an axis


def parallel_picture(figure: Parallel, caption: str) -> Canvas:
    """A picture of lines across all dimensions, the last of them the value itself."""
    shown = [*figure.dimensions, figure.value]
    width = max(6.5, BETWEEN * len(shown) + 1)
    names = [wrapped(dimension.axis.label, BETWEEN - 0.15, NAME) for dimension in shown]
    lines = max(high(name, NAME) for name in names)
    canvas = Canvas(layout="constrained")
    heading(canvas, figure.title, caption, (width, HIGH + lines - high("", NAME)))
    axes = canvas.add_subplot()
    axes.set(xlim=(-0.15, len(shown) - 0.7), ylim=(-0.04, 1.04), yticks=[])
    axes.set_xticks(range(len(shown)), names, parse_math=False, color=INK, fontsize=NAME)
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
        every = math.ceil(len(axis.categories) / NAMES)
        words = [wrapped(name, BETWEEN - 0.2, SMALL, 1) for name in axis.categories[::every]]
        ticks = [(float(index * every), word) for index, word in enumerate(words)]
    else:
        values = sorted(set(_plain(dimension.values, axis).tolist()))
        values = values if len(values) <= TICKS else np.linspace(low, high, TICKS).tolist()
        ticks = [(v, f"{(10**v if axis.log else v) * (100 if axis.percent else 1):.3g}") for v in values]
    for value, text in ticks:
        height = 0.5 if high == low else (value - low) / (high - low)
        beside = {"ha": "left", "va": "center", "fontsize": SMALL, "color": INK, "parse_math": False, "zorder": 4}
        ground = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}
        axes.text(place + 0.03, height, text, bbox=ground, **beside)
