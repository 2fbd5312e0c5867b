"""Samples by a share that each of them has, such as that of the evaluations in which it was misclassified."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.palette import colours, framed, save

_BARS = 30  # at most


def plot_shares(shares: Mapping[str, NDArray[np.float64]], steps: int, path: Path, title: str, what: str) -> None:
    """Write a PNG of a histogram a name, laid over one another; the counts on a logarithmic axis.

    shares: name -> (N,) in [0, 1]. steps: a share is one of 0/steps, 1/steps, ..., 1, and every bar but the
        last holds equally many of these.
    path: replaced atomically. title: one line above. what: the share is of, for the axis.
    """
    figure, axes = framed(title, what, "samples (logarithmic)")
    edges = _edges(steps)
    wide = np.diff(edges)[0]
    for index, ((name, values), colour) in enumerate(zip(shares.items(), colours(shares), strict=True)):
        counts, _ = np.histogram(values, edges)
        label = f"{name}: never {(values == 0).mean():.1%}, always {(values == 1).mean():.1%}"
        axes.stairs(counts, edges, color=colour, linewidth=1.8, label=label, zorder=3)
        if index == 0:
            axes.stairs(counts, edges, color=colour, fill=True, alpha=0.25)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_xlim(edges[0] - wide / 2, edges[-1] + wide / 2)
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=2)
    save(figure, path)


def _edges(steps: int) -> NDArray[np.float64]:
    """Edges of bars, halfway between shares. Bars of one width in [0, 1] would hold unequally many of them."""
    each = -(-(steps + 1) // _BARS)
    edges: NDArray[np.float64] = (np.arange(0, steps + 1 + each, each) - 0.5) / steps
    return edges
