"""Two classifiers on the same samples: where they agree, and whether one is better (McNemar)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Correct = NDArray[np.bool_]


@dataclass(frozen=True)
class McNemar:
    """Samples by who is right, and the test of whether the two are right equally often.

    both, only_first, only_second, neither: counts, which add up to the samples.
    p: two-sided and exact: of the samples that only one is right about, the first would have any number by the toss
        of a coin, Binomial(only_first + only_second, 1/2). 1 where there are none.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float


def mcnemar(first: Correct, second: Correct) -> McNemar:
    """The exact test of McNemar 1947, Psychometrika 12, on the correctness (N,) of the same samples in both.

    It tells about these samples, for these weights: not about another seed. Raises ValueError for other shapes.
    """
    _require(first, second)
    if first.ndim != 1:
        raise ValueError(f"one evaluation each (N,) is expected, got {first.shape}")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    either = only_first + only_second
    p = float(stats.binomtest(only_first, either, 0.5).pvalue) if either else 1.0
    return McNemar(int((first & second).sum()), only_first, only_second, int((~first & ~second).sum()), p)


def agreement(first: Correct, second: Correct) -> NDArray[np.float64]:
    """(T,): the share of samples that both are right, or both wrong, about; first and second (T, N)."""
    _require(first, second)
    return np.asarray((first == second).mean(-1), dtype=np.float64)


def mismatch(first: Correct, second: Correct) -> NDArray[np.float64]:
    """(N,): of each sample the share of the evaluations at which one is right and the other wrong: 1 - mean agreement.

    first, second: (T, N), as the raw weights and an average of them.
    """
    _require(first, second)
    return np.asarray((first != second).mean(0), dtype=np.float64)


def agreement_matrix(rows: Sequence[Correct]) -> NDArray[np.float64]:
    """(K, K): agreement of each of K evaluations (N,) with each other; 1 on the diagonal."""
    stack = np.stack(list(rows))
    return np.asarray((stack[:, None] == stack[None]).mean(2), dtype=np.float64)


def _require(first: Correct, second: Correct) -> None:
    if first.shape != second.shape or 0 in first.shape:
        raise ValueError(f"two of the same shape are expected, and with samples, got {first.shape} and {second.shape}")
