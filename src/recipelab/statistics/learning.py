"""How single samples are learnt: the correctness of samples over the evaluations of a run, read by columns.

`correct` is (T, N) bool everywhere: T evaluations, the first at the top, of N samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Correct = NDArray[np.bool_]


def stability(correct: Correct) -> NDArray[np.float64]:
    """(T,): the share of samples whose correctness is that of the evaluation before, mean_i [c_t,i == c_t-1,i].

    The first has none before it and is NaN. Raises ValueError without samples.
    """
    _require(correct)
    return np.concatenate([[np.nan], (correct[1:] == correct[:-1]).mean(1)])


def flips(correct: Correct) -> NDArray[np.int64]:
    """(N,): how often each sample's correctness changed from one evaluation to the next."""
    _require(correct)
    return np.asarray((correct[1:] != correct[:-1]).sum(0), dtype=np.int64)


def forgetting_events(correct: Correct) -> NDArray[np.int64]:
    """(N,): how often each sample went from right to wrong (Toneva et al. 2019, arXiv 1812.05159, section 2).

    Theirs looks at a training sample whenever it is in a batch, this at a held-out sample at every evaluation. A
    sample that was never right has none; theirs count as forgotten the most: see `never_learnt`.
    """
    _require(correct)
    return np.asarray((correct[:-1] & ~correct[1:]).sum(0), dtype=np.int64)


def never_learnt(correct: Correct) -> Correct:
    """(N,) bool: samples that were wrong at every evaluation."""
    _require(correct)
    return np.asarray(~correct.any(0))


def unforgettable(correct: Correct) -> Correct:
    """(N,) bool: samples that were right at some evaluation, and at every later one (Toneva et al. 2019)."""
    return np.asarray(correct.any(0) & (forgetting_events(correct) == 0))


def misclassification_ratio(correct: Correct) -> NDArray[np.float64]:
    """(N,): the share of the evaluations in which each sample is wrong; of a range of epochs, give those rows only."""
    _require(correct)
    return np.asarray(1 - correct.mean(0), dtype=np.float64)


def most_flipping(correct: Correct, count: int) -> NDArray[np.int64]:
    """(count,) indices of the samples that flip most, the most first; of equal ones the lower index.

    All of them where there are fewer than `count`.
    """
    return np.argsort(-flips(correct), kind="stable")[:count].astype(np.int64)


def _require(correct: Correct) -> None:
    if correct.ndim != 2 or 0 in correct.shape:
        raise ValueError(f"correctness of evaluations by samples (T, N) is expected, got {correct.shape}")
