"""A confusion matrix, in samples and in shares of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Heat, Panel

WRITTEN, NAMED = 30, 130
"""Classes up to which every cell is written into, and up to which rows and columns are named."""


@dataclass(frozen=True)
class Confusions:
    """What is kept of a confusion matrix. counts: (class, prediction, samples) of every pair that occurs.

    class_names: one a class, or none for numbers.
    """

    title: str
    classes: int
    class_names: list[str]
    counts: list[tuple[int, int, int]]

    @classmethod
    def of(cls, matrix: NDArray[np.int64], names: Sequence[str], title: str) -> Confusions:
        """Of a matrix (K, K)."""
        pairs = [(int(row), int(column), int(matrix[row, column])) for row, column in np.argwhere(matrix)]
        return cls(title, len(matrix), list(names), pairs)

    def matrix(self) -> NDArray[np.int64]:
        """(K, K): row the class, column the prediction. Raises ValueError for a class that there is none of."""
        if len(self.class_names) not in (0, self.classes):
            raise ValueError(f"{len(self.class_names)} names of {self.classes} classes")
        found = np.zeros((self.classes, self.classes), np.int64)
        for label, predicted, samples in self.counts:
            if not (0 <= label < self.classes and 0 <= predicted < self.classes and 0 <= samples < 2**53):
                raise ValueError(f"({label}, {predicted}, {samples}) is no cell of {self.classes} classes")
            found[label, predicted] = samples
        return found

    def charts(self, name: str = "confusion") -> list[Chart]:
        """Both charts."""
        matrix = self.matrix()
        caption = f"n = {int(matrix.sum()):,}; rows are classes, columns predictions"
        return confusion_charts(matrix, self.class_names, self.title, caption, name)


def confusion_charts(
    counts: NDArray[np.int64], names: Sequence[str], title: str, caption: str, name: str = "confusion"
) -> list[Chart]:
    """Two charts: samples, coloured by their logarithm, and shares of each row, by their square root, so that few
    mistakes are seen beside many hits.

    counts: (K, K), row the class, column the prediction; a class without samples has an empty row. names: K, or none
    for numbers. name: of the first; the second's ends in _normalized.
    """
    totals = counts.sum(1, keepdims=True)
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    written = len(counts) <= WRITTEN
    numbers = [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()] if written else None
    percents = [[_percent(s) for s in row] for row in shares.tolist()] if written else None
    samples = Heat(np.where(counts > 0, counts, np.nan).astype(float), numbers, "samples", log=True)
    share = Heat(100 * shares, percents, "% of the class", root=True)
    categories = (list(names) or [str(label) for label in range(len(counts))]) if len(counts) <= NAMED else None
    axes = Axis("predicted", categories=categories), Axis("class", categories=categories)
    return [
        Chart(name, title, [Panel(*axes, [samples])], caption, legend=False),
        Chart(f"{name}_normalized", f"{title}, shares of each class", [Panel(*axes, [share])], caption, legend=False),
    ]


def _percent(share: float) -> str:
    """In percent, with two digits at least where it is small."""
    return "" if not share > 0 else f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"
