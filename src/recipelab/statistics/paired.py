"""Two arms compared seed by seed: effect, interval, tests, and how many seeds it would take."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recipelab.statistics.intervals import Interval, mean_interval

EXACT = 20
"""Up to so many pairs every sign pattern is tried; beyond, 100,000 random ones of a fixed seed."""
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Comparison:
    """An arm against another, over n pairs.

    difference: mean of arm - other, with its interval. p: two-sided, paired t test of no difference (assumes normal
    differences). p_sign: of the exact sign-flip test, which assumes only that they are symmetric about zero;
    p_smallest: the least it can be with n pairs. correlation: of the two arms over the pairs: pairing helps where it
    is high. Tests are None where n is 1, or where all differences are the same: a small test split makes such steps,
    and a spread of nothing is no evidence of a deviation of nothing.
    """

    difference: Interval
    p: float | None
    p_sign: float | None
    p_smallest: float
    correlation: float | None

    @property
    def n(self) -> int:
        """Pairs."""
        return self.difference.n


def compare(arm: np.ndarray, other: np.ndarray, confidence: float = 0.95) -> Comparison:
    """Compare arm (n,) with other (n,), paired: index i of both has the same seed. Raises ValueError otherwise."""
    arm, other = np.asarray(arm, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if arm.shape != other.shape or arm.ndim != 1 or not len(arm):
        raise ValueError(f"paired values are expected, got shapes {arm.shape} and {other.shape}")
    differences = arm - other
    n = len(differences)
    p = None
    if spreads(differences):
        p = float(2 * stats.t.sf(abs(t_statistic(differences)), n - 1))
    moves = arm.std() > 0 and other.std() > 0
    correlation = float(np.corrcoef(arm, other)[0, 1]) if n > 2 and moves else None
    sign = sign_flip(differences) if n > 1 and np.any(differences) else None
    return Comparison(mean_interval(differences, confidence), p, sign, smallest_p(n), correlation)


def spreads(differences: np.ndarray) -> bool:
    """Whether (n,) differences differ from one another by more than rounding does."""
    return len(differences) > 1 and bool(np.ptp(differences) > 1e-9 * np.abs(differences).max())


def t_statistic(differences: np.ndarray, null: float = 0.0) -> float:
    """Student's t of the mean of (n,) differences against `null`."""
    return float((differences.mean() - null) / (differences.std(ddof=1) / np.sqrt(len(differences))))


def smallest_p(n: int) -> float:
    """The least two-sided p of a sign-flip test of n pairs: 2 of 2^n patterns."""
    return min(1.0, 2.0 ** (1 - n))


def sign_flip(differences: np.ndarray) -> float:
    """Two-sided p of the mean of (n,) differences under all changes of their signs (Fisher 1935).

    Exact for n <= 20: the share of the 2^n sign patterns whose mean is at least as far from zero. Beyond, estimated
    from 100,000 patterns, itself counted as one.
    """
    differences = np.asarray(differences, dtype=np.float64)
    n, seen = len(differences), abs(differences.sum())
    near = seen - 1e-12 * np.abs(differences).sum()  # sums of other orders round differently
    if n <= EXACT:  # of every half pattern, how many other halves reach far enough; as many reach as far below zero
        first, second = _signed_sums(differences[: n // 2]), np.sort(_signed_sums(differences[n // 2 :]))
        reach = len(first) * len(second) - int(np.searchsorted(second, near - first).sum())
        return float(min(1.0, 2 * reach / 2**n))
    rng, count = np.random.default_rng(0), 1
    for _ in range(100):
        signs = rng.integers(0, 2, (1000, n)) * 2 - 1
        count += int(np.sum(np.abs(signs @ differences) >= near))
    return count / 100_001


def _signed_sums(values: np.ndarray) -> np.ndarray:
    """(2^n,): the sums of (n,) values under every pattern of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p values adjusted for being a family (Holm 1979); None, a test that could not be made, stays and counts.

    Each is max over the smaller ones of (m - rank) p, at most 1: rejecting those at most alpha keeps the chance of any
    false rejection at alpha.
    """
    m = len(p_values)
    order = sorted((i for i in range(m) if p_values[i] is not None), key=lambda i: p_values[i] or 0.0)
    adjusted: list[float | None] = [None] * m
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (m - rank) * (p_values[i] or 0.0)))
        adjusted[i] = largest
    return adjusted


def holm_levels(p_values: Sequence[float | None], alpha: float) -> list[float]:
    """The level that Holm's procedure holds each p value against: alpha / (m - rank), alpha / m for None."""
    m = len(p_values)
    order = sorted((i for i in range(m) if p_values[i] is not None), key=lambda i: p_values[i] or 0.0)
    ranks = {i: rank for rank, i in enumerate(order)}
    return [alpha / (m - ranks.get(i, 0)) for i in range(m)]


def equivalence(differences: np.ndarray, margin: float) -> float | None:
    """p of two one-sided t tests (Schuirmann 1987): small when the true mean lies within (-margin, margin).

    None for a single pair, and where all differences are the same; but 0 where they are all nothing: results that are
    equal in every pair are of the same course.
    """
    differences = np.asarray(differences, dtype=np.float64)
    n = len(differences)
    if not spreads(differences):
        return 0.0 if n > 1 and not np.any(differences) else None
    above = stats.t.sf(t_statistic(differences, -margin), n - 1)
    below = stats.t.cdf(t_statistic(differences, margin), n - 1)
    return float(max(above, below))


def power(effect: float, std: float, n: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t test of n pairs rejects at alpha, for a true effect and deviation std of the
    differences (noncentral t)."""
    shift = abs(effect) / std * np.sqrt(n)
    edge = stats.t.ppf(1 - alpha / 2, n - 1)
    return float(stats.nct.sf(edge, n - 1, shift) + stats.nct.cdf(-edge, n - 1, shift))


def seeds_needed(effect: float, std: float, alpha: float = 0.05, wanted: float = 0.8) -> int | None:
    """The fewest pairs with which a paired t test proves the effect seen with chance `wanted`, taking effect and std as
    true. None where it would take more than 10,000, or where there is no effect."""
    if effect == 0:
        return None
    if std == 0:
        return 2
    if power(effect, std, MOST_SEEDS, alpha) < wanted:
        return None
    counts = range(2, MOST_SEEDS + 1)
    return counts[bisect_left(counts, wanted, key=lambda n: power(effect, std, n, alpha))]
