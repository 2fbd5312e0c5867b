"""When single samples are right and when they are wrong, as barcodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from recipelab.figures.palette import INK, MUTED, save

_WRONG, _RIGHT = "#E69F00", "#0072B2"  # Okabe & Ito 2008; apart in brightness too
_STRIP, _GAP = 0.17, 0.13  # inches


def plot_barcodes(
    views: Mapping[str, NDArray[np.bool_]],
    epochs: NDArray[np.float64],
    samples: Sequence[str],
    path: Path,
    title: str,
) -> None:
    """Write a PNG with a group of strips a sample, a strip a view, in two colours for right and wrong.

    views: name -> (T, K) correctness of the K samples. epochs: (T,) of the evaluations. samples: K names.
    path: replaced atomically. title: one line above.
    """
    count, each = len(samples), len(views)
    height = count * (each * _STRIP + _GAP)
    figure = Figure(figsize=(8.5, height + 1.25), dpi=120)
    names = max(map(len, samples)) * 0.075 + 0.25 + max(map(len, views)) * 0.062
    left, width = names / 8.5, (8.5 - names - 0.25) / 8.5
    axes = figure.add_axes((left, 0.62 / (height + 1.25), width, height / (height + 1.25)))
    colours = ListedColormap([_WRONG, _RIGHT])
    edges = _edges(epochs)
    for index, sample in enumerate(samples):
        top = index * (each * _STRIP + _GAP)
        for row, (view, correct) in enumerate(views.items()):
            at = top + row * _STRIP
            axes.pcolormesh(
                edges, [at, at + _STRIP * 0.92], correct[None, :, index], cmap=colours, vmin=0, vmax=1, rasterized=True
            )
            axes.annotate(view, (0, at + _STRIP / 2), (-4, 0), **_beside("right", 6.5, MUTED))
        middle = top + each * _STRIP / 2
        far = -8 - 4.5 * max(map(len, views))
        axes.annotate(sample, (0, middle), (far, 0), **_beside("right", 8, INK))
    axes.set(ylim=(height - _GAP, 0), xlim=(edges[0], edges[-1]), yticks=[], xlabel="epoch")
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    figure.text(0.15 / 8.5, 1 - 0.12 / (height + 1.25), title, fontweight="bold", fontsize=11, va="top", color=INK)
    figure.legend(
        handles=[Patch(color=_RIGHT, label="right"), Patch(color=_WRONG, label="wrong")],
        loc="lower right", ncols=2, frameon=False, fontsize=9,
    )  # fmt: skip
    save(figure, path)


def _beside(side: str, size: float, colour: str) -> dict[str, Any]:
    """Text at the left edge of the axes, at a height of the data."""
    return {
        "xycoords": ("axes fraction", "data"), "textcoords": "offset points",
        "ha": side, "va": "center", "fontsize": size, "color": colour,
    }  # fmt: skip


def _edges(epochs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T + 1,) where one evaluation's column ends and the next begins: halfway between them."""
    if len(epochs) == 1:
        return np.array([epochs[0] - 0.5, epochs[0] + 0.5])
    middle = (epochs[1:] + epochs[:-1]) / 2
    return np.concatenate([[2 * epochs[0] - middle[0]], middle, [2 * epochs[-1] - middle[-1]]])
