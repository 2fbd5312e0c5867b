"""Reliability diagram: how often a classifier is right among the samples that it is equally sure of.

DeGroot and Fienberg 1983; as drawn by Guo, Pleiss, Sun, Weinberger 2017, arXiv 1706.04599, figure 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Bars, Chart, Line, Panel, Points


@dataclass(frozen=True)
class Curve:
    """Bins of equal width over the confidence [0, 1]: samples, hits, sums of confidences (M,), and the interval of the
    share of hits, nan where a bin is empty."""

    name: str
    counts: NDArray[np.float64]
    hits: NDArray[np.float64]
    confidences: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reliability_diagram(curves: Sequence[Curve], title: str, caption: str) -> Chart:
    """Accuracy against confidence, a curve each, above the diagonal where the classifier is less sure than right; and
    below it how many samples each bin has."""
    edges = np.linspace(0, 1, len(curves[0].counts) + 1)
    confidence = Axis("confidence (%)", percent=True, limits=(0, 1))
    marks: list[Line | Points] = [Line([0, 1], [0, 1], "as sure as right", colour=6, dash="dashed", faint=True)]
    bars = []
    for colour, curve in enumerate(curves):
        there = curve.counts > 0
        n = curve.counts[there]
        texts = [f"n = {count:,.0f}" for count in n]
        at, share = curve.confidences[there] / n, curve.hits[there] / n
        marks.append(Points(at, share, curve.name, colour, low=curve.low[there], high=curve.high[there], texts=texts))
        bars.append(Bars(edges, curve.counts, curve.name, colour))
    return Chart(
        "reliability",
        title,
        [
            Panel(confidence, Axis("accuracy (%)", percent=True, limits=(0, 1)), marks, "accuracy against confidence"),
            Panel(confidence, Axis("samples a bin"), bars, "how sure it is"),
        ],
        caption,
        columns=2,
    )
