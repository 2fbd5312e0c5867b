"""A confusion matrix, in samples and in shares of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Heat, Panel

WRITTEN, NAMED = 30, 130
"""Classes up to which every cell is written into, and up to which rows and columns are named."""


def confusion_charts(counts: NDArray[np.int64], names: Sequence[str], title: str, caption: str) -> list[Chart]:
    """Two charts: samples, coloured by their logarithm, and shares of each row. counts: (K, K), row the class, column
    the prediction; a class without samples has an empty row. names: K."""
    totals = counts.sum(1, keepdims=True)
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    written = len(counts) <= WRITTEN
    numbers = [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()] if written else None
    percents = [[f"{100 * s:.0f}" if s >= 0.005 else "" for s in row] for row in shares.tolist()] if written else None
    heats = [
        ("confusion", title, Heat(np.where(counts > 0, counts, np.nan).astype(float), numbers, "samples", log=True)),
        (
            "confusion_normalized",
            f"{title}, shares of each class in percent",
            Heat(100 * shares, percents, "% of class"),
        ),
    ]
    categories = list(names) if len(names) <= NAMED else None
    axes = Axis("predicted", categories=categories), Axis("class", categories=categories)
    return [Chart(name, said, [Panel(*axes, [heat])], caption, legend=False) for name, said, heat in heats]
