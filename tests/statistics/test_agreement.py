"""Agreement by definition, McNemar's test against its published example and scipy's binomial distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recipelab.statistics.agreement import agreement, agreement_matrix, mcnemar, mismatch

BOOL = np.bool_


def table(both, only_first, only_second, neither):
    """Two correctness vectors with these counts."""
    first = [1] * both + [1] * only_first + [0] * only_second + [0] * neither
    second = [1] * both + [0] * only_first + [1] * only_second + [0] * neither
    order = np.random.default_rng(0).permutation(len(first))
    return np.array(first, dtype=BOOL)[order], np.array(second, dtype=BOOL)[order]


def test_counts_and_p_of_a_published_table():
    """Agresti 1990, Categorical data analysis, approval ratings: 794, 150, 86, 570; exact p = 3.716e-5.

    (The exact value that the package exact2x2 for R gives for these counts.)
    """
    found = mcnemar(*table(794, 150, 86, 570))
    assert (found.both, found.only_first, found.only_second, found.neither) == (794, 150, 86, 570)
    assert found.p == pytest.approx(3.716e-5, rel=1e-3)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 5), (5, 0), (3, 3), (1, 9), (12, 7)])
def test_p_is_the_two_tails_of_a_fair_coin(only_first, only_second):
    n, k = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert mcnemar(*table(10, only_first, only_second, 4)).p == pytest.approx(min(1.0, 2 * tail))


def test_equal_ones_prove_nothing():
    first, _ = table(3, 2, 1, 4)
    assert mcnemar(first, first).p == 1.0


def test_agreement_and_mismatch_equal_their_definitions():
    source = np.random.default_rng(1)
    first, second = source.random((2, 5, 17)) < 0.7
    for t in range(5):
        assert agreement(first, second)[t] == pytest.approx(
            sum(a == b for a, b in zip(first[t], second[t], strict=True)) / 17
        )
    for i in range(17):
        assert mismatch(first, second)[i] == pytest.approx(sum(first[t, i] != second[t, i] for t in range(5)) / 5)


def test_the_matrix_holds_every_pair():
    rows = list(np.random.default_rng(2).random((3, 40)) < 0.5)
    found = agreement_matrix(rows)
    for i in range(3):
        for j in range(3):
            assert found[i, j] == pytest.approx((rows[i] == rows[j]).mean())


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        mcnemar(np.zeros(3, dtype=BOOL), np.zeros(4, dtype=BOOL))
    with pytest.raises(ValueError, match="one evaluation"):
        mcnemar(np.zeros((2, 3), dtype=BOOL), np.zeros((2, 3), dtype=BOOL))
    with pytest.raises(ValueError, match="same shape"):
        agreement(np.zeros((2, 0), dtype=BOOL), np.zeros((2, 0), dtype=BOOL))
