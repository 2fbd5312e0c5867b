"""A mean with its interval: Student's t for few values, the bootstrap where there are enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEW = 20
"""From so many values on the interval is the bootstrap's; below, it is Student's t."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """mean, and [low, high] that holds the true one with the asked confidence; both None for a single value.

    std: sample standard deviation (n - 1), None for a single value. kind: t, bca or none.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    n: int
    kind: str


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean of values (n,), n >= 1, with its interval. Values are taken to be independent; t takes them to be normal.

    From 20 values on: the bias-corrected and accelerated bootstrap (Efron 1987) with 10,000 resamples of a fixed seed,
    its percentiles widened for small samples (Hesterberg 2014, arXiv 1411.5279: without, 95 % of 20 normal
    values cover 92 %).
    """
    values = np.asarray(values, dtype=np.float64)
    n, mean = len(values), float(values.mean())
    if n == 1:
        return Interval(mean, None, None, None, 1, "none")
    std = float(values.std(ddof=1))
    if std == 0:
        return Interval(mean, mean, mean, 0.0, n, "t")
    if n < FEW:
        half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * std / np.sqrt(n)
        return Interval(mean, mean - half, mean + half, std, n, "t")
    low, high = _bca(values, confidence)
    return Interval(mean, low, high, std, n, "bca")


def _bca(values: np.ndarray, confidence: float) -> tuple[float, float]:
    n = len(values)
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, n, (RESAMPLES, n))].mean(axis=1)
    below = np.mean(means < values.mean()) + 0.5 * np.mean(means == values.mean())
    bias = stats.norm.ppf(below)
    lean = values - values.mean()  # jackknife: mean of the rest, less its mean, is proportional to this
    acceleration = (lean**3).sum() / (6 * (lean**2).sum() ** 1.5)
    tail = np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 + confidence / 2, n - 1)
    ends = bias + np.array([-tail, tail])
    shares = stats.norm.cdf(bias + ends / (1 - acceleration * ends))
    low, high = np.quantile(means, shares)
    return float(low), float(high)
