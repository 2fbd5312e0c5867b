"""A matrix of coloured cells on matplotlib's axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm, Normalize, PowerNorm
from matplotlib.ticker import LogLocator

from recipelab.figures.chart import Heat, Panel
from recipelab.figures.palette import BLUES, INK, MUTED, STATES


def draw_heat(axes: Any, mark: Heat, panel: Panel, order: int) -> None:
    """Draw a matrix, row 0 at the top."""
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    values = np.ma.masked_invalid(mark.values)
    if mark.states is not None:
        two = ListedColormap(list(STATES))
        axes.imshow(values, cmap=two, vmin=0, vmax=1, aspect="auto", interpolation="nearest", zorder=order)
        return
    if mark.log or mark.root:
        values = np.ma.masked_less_equal(values, 0)
    norm = _norm(mark, values)
    image = axes.imshow(
        values, cmap=LinearSegmentedColormap.from_list("blues", BLUES), norm=norm, interpolation="nearest", zorder=order
    )
    ticks = LogLocator(subs=(1, 2, 5)) if mark.log else None
    size: dict[str, Any] = {"shrink": 0.8, "pad": 0.02, "fraction": 0.05, "aspect": 30}
    bar = axes.figure.colorbar(image, ax=axes, ticks=ticks, format="{x:,g}" if mark.log else None, **size)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(mark.label, color=MUTED)
    if mark.texts is not None:
        _write(axes, mark, values, norm, order + 1)


def _norm(mark: Heat, values: Any) -> Any:
    low, high = (float(values.min()), float(values.max())) if values.count() else (0.0, 1.0)
    if mark.log:
        return LogNorm(max(low, 1e-12), max(high, 2 * max(low, 1e-12)))
    return PowerNorm(0.5, 0, high or 1.0) if mark.root else Normalize(low, high)


def _write(axes: Any, mark: Heat, values: Any, norm: Any, order: int) -> None:
    """What each cell says, light on dark ones."""
    assert mark.texts is not None
    small = 6 if len(mark.texts) > 12 else 8
    for row, column in zip(*np.nonzero(~np.ma.getmaskarray(values)), strict=True):
        colour = "white" if norm(values[row, column]) > 0.55 else INK
        style = {"color": colour, "fontsize": small, "zorder": order, "parse_math": False}
        axes.text(column, row, mark.texts[row][column], ha="center", va="center", **style)
