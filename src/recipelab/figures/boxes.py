"""What a box plot shows of some values, the same in every picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Numbers

REACH = 1.5  # interquartile ranges that a whisker may be long (Tukey 1977, Exploratory Data Analysis)


@dataclass(frozen=True)
class Box:
    """low, high: the furthest values within reach of the quartiles q1 and q3. outside: those beyond them, (K,)."""

    low: float
    q1: float
    median: float
    q3: float
    high: float
    outside: NDArray[np.float64]


def box_of(values: Numbers) -> Box:
    """The box of some values, which are not NaN; quartiles are interpolated linearly. Raises ValueError for none."""
    there = np.asarray(values, dtype=np.float64)
    if not len(there):
        raise ValueError("a box is of at least one value")
    q1, median, q3 = (float(q) for q in np.quantile(there, (0.25, 0.5, 0.75)))
    reach = REACH * (q3 - q1)
    inside = there[(there >= q1 - reach) & (there <= q3 + reach)]
    outside = there[(there < q1 - reach) | (there > q3 + reach)]
    return Box(float(inside.min()), q1, median, q3, float(inside.max()), outside)


def thickness(places: Numbers) -> float:
    """How thick boxes at these places are drawn: 0.8 of the least distance between two of them."""
    distances = np.diff(np.unique(np.asarray(places, dtype=np.float64)))
    return 0.8 * float(min(distances.min(initial=1.0), 1.0))
