"""Main effects and two-way interactions of a full factorial study, each with an interval over the seeds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recipelab.statistics.intervals import Interval, mean_interval
from recipelab.statistics.paired import holm, spreads, t_statistic


@dataclass(frozen=True)
class Effect:
    """terms: (axis, level) of one level against its axis' first, or of two such together. size: over the seeds.

    p: two-sided t test over the seeds, adjusted (Holm) over all effects of the study; None with a single seed.
    """

    terms: tuple[tuple[str, str], ...]
    size: Interval
    p: float | None


def effects(values: np.ndarray, axes: Sequence[tuple[str, Sequence[str]]], confidence: float = 0.95) -> list[Effect]:
    """Every main effect, then every two-way interaction.

    values: (seeds, L1, ..., Lk), one measurement a seed and combination. axes: (name, levels) in the same order.

    A main effect is the mean difference of a level from its axis' first over all settings of the other axes; an
    interaction how much that difference changes between the first level of a second axis and another of its levels
    (difference of differences, not halved). Every seed gives one value of each: they are blocks, so what a seed adds
    to all arms alike cancels.
    """
    values = np.asarray(values, dtype=np.float64)
    shape = tuple(len(levels) for _, levels in axes)
    if values.shape[1:] != shape:
        raise ValueError(f"values of shape (seeds, {', '.join(map(str, shape))}) are expected, got {values.shape}")
    found: list[tuple[tuple[tuple[str, str], ...], np.ndarray]] = []
    for axis, (name, levels) in enumerate(axes):
        means = _over(values, (axis,))
        found += [(((name, levels[i]),), means[:, i] - means[:, 0]) for i in range(1, len(levels))]
    for one, two in itertools.combinations(range(len(axes)), 2):
        means = _over(values, (one, two))
        for i, j in itertools.product(range(1, shape[one]), range(1, shape[two])):
            size = means[:, i, j] - means[:, i, 0] - means[:, 0, j] + means[:, 0, 0]
            found.append((((axes[one][0], axes[one][1][i]), (axes[two][0], axes[two][1][j])), size))
    adjusted = holm([_p(size) for _, size in found])
    return [Effect(terms, mean_interval(size, confidence), p) for (terms, size), p in zip(found, adjusted, strict=True)]


def _over(values: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    """Means over every axis but the seeds and `kept`."""
    rest = tuple(axis + 1 for axis in range(values.ndim - 1) if axis not in kept)
    return values.mean(axis=rest) if rest else values


def _p(size: np.ndarray) -> float | None:
    if not spreads(size):
        return None
    return float(2 * stats.t.sf(abs(t_statistic(size)), len(size) - 1))
