"""The upright axes of parallel coordinates, each from 0 to 1, for both renderers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Dimension

TICKS, NAMES = 5, 22  # numbers and names along an axis
APART = 0.06  # of an axis, between two numbers


def heights_of(dimension: Dimension) -> NDArray[np.float64]:
    """Where each value stands on its axis, from 0 to 1: (runs,)."""
    values = _plain(dimension.values, dimension.axis)
    low, high = _ends(dimension)
    return np.full(len(values), 0.5) if high == low else (values - low) / (high - low)


def _plain(values: Any, axis: Axis) -> NDArray[np.float64]:
    there = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(there) if axis.log else there


def _ends(dimension: Dimension) -> tuple[float, float]:
    if dimension.axis.categories is not None:
        return 0.0, float(len(dimension.axis.categories) - 1)
    values = _plain(dimension.values, dimension.axis)
    there = values[np.isfinite(values)]
    return (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)


def ticks_of(dimension: Dimension) -> list[tuple[float, str]]:
    """(place from 0 to 1, text) along an axis: of many or close numbers a few even ones, of many names every n-th."""
    axis = dimension.axis
    low, high = _ends(dimension)
    if axis.categories is not None:
        every = math.ceil(len(axis.categories) / NAMES)
        ticks = [(float(index * every), name) for index, name in enumerate(axis.categories[::every])]
    else:
        there = _plain(dimension.values, axis)
        values = sorted(set(there[np.isfinite(there)].tolist()))
        if len(values) > TICKS or any(b - a < APART * (high - low) for a, b in itertools.pairwise(values)):
            values = np.linspace(low, high, TICKS).tolist()
        ticks = [(v, f"{(10**v if axis.log else v) * (100 if axis.percent else 1):.3g}") for v in values]
    return [(0.5 if high == low else (value - low) / (high - low), text) for value, text in ticks]
