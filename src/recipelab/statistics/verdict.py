"""What a study says of an arm: better, worse, equivalent within a margin, or, when in doubt, unproven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from recipelab.statistics.paired import (
    Comparison,
    compare,
    equivalence,
    holm,
    holm_levels,
    seeds_needed,
    spreads,
    t_statistic,
)

Word = Literal["better", "worse", "equivalent", "unproven"]


@dataclass(frozen=True)
class Verdict:
    """One arm against the baseline.

    p: of the comparison, adjusted (Holm) for the family it stands in. p_equivalent: the same of the equivalence test.
    needed: pairs with which the effect seen would be proven four times in five, were it the true one, at the level that
    Holm's procedure holds it against in its family.
    """

    word: Word
    comparison: Comparison
    p: float | None
    p_equivalent: float | None
    margin: float | None
    needed: int | None

    def __str__(self) -> str:
        within = f" within {self.margin:g}" if self.word == "equivalent" else ""
        return f"{self.word}{within}, n = {self.comparison.n}"


def verdicts(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    confidence: float = 0.95,
) -> dict[str, Verdict]:
    """A verdict on each arm: (n,) values, and those of what it is compared with, paired by seed.

    The comparisons are one family: the chance that any arm without a difference is called better or worse is at most
    1 - confidence, if differences are normal. Equivalence, a family of its own, is tested when a margin is given. An
    arm that is both proven different and proven within the margin is called by its difference.
    """
    alpha = 1 - confidence
    found = {name: compare(values, baseline, confidence) for name, (values, baseline) in pairs.items()}
    adjusted = holm([one.p for one in found.values()])
    levels = holm_levels([one.p for one in found.values()], alpha)
    within = [equivalence(np.asarray(one) - other, margin) if margin else None for one, other in pairs.values()]
    close = holm(within)
    result = {}
    for (name, one), p, p_close, level in zip(found.items(), adjusted, close, levels, strict=True):
        word: Word = "unproven"
        if p is not None and p <= alpha:
            word = "better" if (one.difference.mean > 0) == higher_is_better else "worse"
        elif p_close is not None and p_close <= alpha:
            word = "equivalent"
        std = one.difference.std
        needed = seeds_needed(one.difference.mean, std, level) if std is not None else None
        result[name] = Verdict(word, one, p, p_close, margin, needed)
    return result


def exceeds(arm: np.ndarray, other: np.ndarray, by: float, *, higher_is_better: bool = True) -> float | None:
    """One-sided p that the arm beats the other by more than `by`: a paired t test of the mean of differences (n,).

    None for a single pair, and where all differences are the same.
    """
    sign = 1.0 if higher_is_better else -1.0
    differences = sign * (np.asarray(arm, dtype=np.float64) - np.asarray(other, dtype=np.float64))
    if not spreads(differences):
        return None
    return float(stats.t.sf(t_statistic(differences, by), len(differences) - 1))
