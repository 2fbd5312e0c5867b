"""Two arms compared over seeds and test examples at once: what another test set of the same kind could change.

The examples are crossed with the seeds: every run is measured on the same ones. The interval is a bootstrap of both
levels: seeds and examples are drawn anew, each with replacement (the pigeonhole bootstrap of Owen 2007, Annals of
Applied Statistics 1, without its third part, in which it counts the interaction once more). What the drawn seeds move
is widened by sqrt(n / (n - 1)) and Student's t, as few seeds spread too little (Hesterberg 2014, arXiv 1411.5279).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recipelab.statistics.agreement import Correct, McNemar, mcnemar

RESAMPLES = 10_000


@dataclass(frozen=True)
class OverExamples:
    """An arm against another on the same examples, over the seeds that both have.

    mean: of the difference in accuracy; [low, high]: its two-level interval, None for a single seed. seeds, examples:
    how many. only_arm, only_other: examples that one of them has right, summed over the seeds. p_mcnemar: of the exact
    test of each seed.

    The interval is for other seeds and other examples of the same kind. McNemar's test of a seed is for other examples
    alone, with these weights: however small, it says nothing of another seed. The sums have no p: the same examples
    are counted once a seed.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int
    examples: int
    only_arm: int
    only_other: int
    p_mcnemar: tuple[float, ...]


def over_examples(arm: Sequence[Correct], other: Sequence[Correct], confidence: float = 0.95) -> OverExamples:
    """Compare correctness (N,) of the same examples, one array a seed, index i of both from the same seed.

    Raises ValueError for other shapes, or without a seed.
    """
    first, second = np.stack(list(arm)), np.stack(list(other))
    tables: list[McNemar] = [mcnemar(one, two) for one, two in zip(first, second, strict=True)]
    differences = first.astype(np.float64) - second
    low, high = _ends(differences, confidence) if len(differences) > 1 else (None, None)
    return OverExamples(
        mean=float(differences.mean()),
        low=low,
        high=high,
        seeds=len(differences),
        examples=differences.shape[1],
        only_arm=sum(one.only_first for one in tables),
        only_other=sum(one.only_second for one in tables),
        p_mcnemar=tuple(one.p for one in tables),
    )


def _ends(differences: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """The interval of the mean of (S, N) differences. Examples with the same differences are drawn together."""
    seeds, examples = differences.shape
    rng, tail = np.random.default_rng(0), (1 - confidence) / 2
    mean = differences.mean()
    by_seed = differences.mean(1) - mean
    widened = np.sqrt(seeds / (seeds - 1)) * stats.t.isf(tail, seeds - 1) / stats.norm.isf(tail)
    moved = widened * by_seed[rng.integers(0, seeds, (RESAMPLES, seeds))].mean(1)
    values, counts = np.unique(differences.mean(0), return_counts=True)
    moved += rng.multinomial(examples, counts / examples, RESAMPLES) @ values / examples - mean
    low, high = np.quantile(moved, [tail, 1 - tail])
    return float(mean + low), float(mean + high)
