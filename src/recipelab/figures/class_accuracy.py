"""Accuracy class by class, with intervals, the lowest at the top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Panel, Points, Rule

SHOWN = 40  # classes, the lowest


def class_accuracy(
    names: Sequence[str],
    hits: NDArray[np.int64],
    counts: NDArray[np.int64],
    interval: tuple[NDArray[np.float64], NDArray[np.float64]],
    title: str,
    caption: str,
) -> Chart:
    """names, hits, counts, interval (low, high): (K,) each. Classes without samples are left out, and said so."""
    there = np.flatnonzero(counts > 0)
    shares = hits[there] / counts[there]
    order = there[np.argsort(shares, kind="stable")][:SHOWN]
    left = [f"{len(names) - len(there)} classes without samples left out"] if len(there) < len(names) else []
    left += [f"the lowest {SHOWN} of {len(there)} classes"] if len(there) > SHOWN else []
    points = Points(
        hits[order] / counts[order],
        np.arange(len(order)),
        "accuracy",
        low=interval[0][order],
        high=interval[1][order],
        along="x",
        texts=[f"{names[i]}: {hits[i]:,} of {counts[i]:,}" for i in order],
    )
    overall = float(hits.sum() / counts.sum())
    return Chart(
        "class_accuracy",
        title,
        [
            Panel(
                Axis("accuracy (%)", percent=True, limits=(0, 1)),
                Axis("class", categories=[names[i] for i in order], reverse=True),
                [Rule(overall, "x", f"all classes: {overall:.2%}"), points],
            )
        ],
        "; ".join([caption, *left]),
    )
