"""Which evaluations agree on which samples are right, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.figures.palette import INK, MUTED, save


def plot_agreement(matrix: NDArray[np.float64], names: Sequence[str], path: Path, title: str) -> None:
    """Write a PNG of shares of agreement in percent, written into every cell.

    matrix: (K, K), in [0, 1]. names: K. path: replaced atomically. title: one line above.
    """
    count = len(names)
    side, margin = max(0.62 * count, 2.2), 0.085 * max(map(len, names)) + 0.3
    figure = Figure(figsize=(max(side + margin + 1.0, 5.5), side + margin + 0.6), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    low = min(0.99, float(matrix.min()))
    image = axes.imshow(100 * matrix, cmap="Blues", vmin=100 * low, vmax=100, interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02).set_label("% of samples", color=MUTED)
    axes.set_xticks(range(count), names, rotation=90, fontsize=8, color=INK, parse_math=False)
    axes.set_yticks(range(count), names, fontsize=8, color=INK, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(matrix):
        dark = value > (low + 1) / 2
        text = f"{100 * value:.1f}" if value < 1 else "100"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else INK)
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize=11)
    save(figure, path)
