"""Samples by a share that each of them has, such as that of the evaluations in which it was misclassified."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Bars, Chart, Line, Mark, Panel
from recipelab.figures.palette import colour_indices

_BARS = 30  # at most


def shares_chart(shares: Mapping[str, NDArray[np.float64]], steps: int, *, title: str, what: str, name: str) -> Chart:
    """A histogram a name, laid over one another, of more than two their outlines; the counts on a logarithmic axis.

    shares: name -> (N,) in [0, 1]. steps: a share is one of 0/steps, 1/steps, ..., 1, and every bar but the
        last holds equally many of these.
    title: one line. what: the share is of, for the axis. name: of its files.
    """
    edges = _edges(steps)
    marks: list[Mark] = []
    most = 1
    for (one, values), colour in zip(shares.items(), colour_indices(shares), strict=True):
        label = f"{one}: never {(values == 0).mean():.1%}, always {(values == 1).mean():.1%}"
        counts = np.histogram(values, edges)[0]
        most = max(most, int(counts.max()))
        marks.append(Bars(edges, counts, label, colour) if len(shares) <= 2 else _outline(edges, counts, label, colour))
    wide = float(edges[1] - edges[0])
    x = Axis(what, limits=(float(edges[0]) - wide / 2, float(edges[-1]) + wide / 2))
    return Chart(name, title, [Panel(x, Axis("samples (logarithmic)", log=True, limits=(0.7, 1.5 * most)), marks)])


def _outline(edges: NDArray[np.float64], counts: NDArray[np.int64], name: str, colour: int) -> Line:
    """Empty bars stand at a tenth of a sample, which is below the axis."""
    heights = np.maximum(counts, 0.1)
    return Line(edges, [*heights, heights[-1]], name, colour, step=True)


def _edges(steps: int) -> NDArray[np.float64]:
    """Edges of bars, halfway between shares. Bars of one width in [0, 1] would hold unequally many of them."""
    each = -(-(steps + 1) // _BARS)
    edges: NDArray[np.float64] = (np.arange(0, steps + 1 + each, each) - 0.5) / steps
    return edges
