"""Parallel coordinates as a picture: an upright axis a dimension, a line a run, coloured by what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas

from recipelab.figures.chart import Dimension, Parallel
from recipelab.figures.palette import INK, MUTED
from recipelab.figures.parallel_scales import heights_of, ticks_of
from recipelab.figures.picture_frame import heading
from recipelab.figures.picture_text import high, wrapped

MAP = "cividis"  # Nuñez et al. 2018: even in brightness for any colour vision
HIGH, BETWEEN = 3.6, 1.5  # inches, and between two axes
NAME, SMALL = 9.5, 7.5  # points of an axis's name, and of what stands on it


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


def _scale(axes: Any, place: int, dimension: Dimension) -> None:
    """The upright axis of a dimension, with its numbers or names."""
    axes.axvline(place, color=MUTED, linewidth=0.8, zorder=3)
    beside = {"ha": "left", "va": "center", "fontsize": SMALL, "color": INK, "parse_math": False, "zorder": 4}
    ground = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}
    for height, text in ticks_of(dimension):
        words = wrapped(text, BETWEEN - 0.2, SMALL, 1) if dimension.axis.categories is not None else text
        axes.text(place + 0.03, height, words, bbox=ground, **beside)
