"""How samples are learnt: every function against its definition in plain loops, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recipelab.statistics.learning import (
    flips,
    forgetting_events,
    misclassification_ratio,
    most_flipping,
    never_learnt,
    stability,
    unforgettable,
)


def drawn(evaluations=7, samples=23, seed=0):
    return np.random.default_rng(seed).random((evaluations, samples)) < 0.6


def columns(correct):
    return [[bool(value) for value in column] for column in correct.T]


@pytest.mark.parametrize("seed", range(3))
def test_all_equal_their_definitions_in_loops(seed):
    correct = drawn(seed=seed)
    for index, column in enumerate(columns(correct)):
        changes = [(a, b) for a, b in zip(column, column[1:], strict=False) if a != b]
        forgotten = sum(1 for a, b in changes if a and not b)
        assert flips(correct)[index] == len(changes)
        assert forgetting_events(correct)[index] == forgotten
        assert never_learnt(correct)[index] == (True not in column)
        assert unforgettable(correct)[index] == (True in column and forgotten == 0)
        assert math.isclose(misclassification_ratio(correct)[index], column.count(False) / len(column))
    expected = [
        sum(correct[t, i] == correct[t - 1, i] for i in range(correct.shape[1])) / correct.shape[1]
        for t in range(1, len(correct))
    ]
    assert np.allclose(stability(correct)[1:], expected)
    assert math.isnan(stability(correct)[0])


def test_by_hand():
    #                   right, forgotten twice, never, learnt late
    correct = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 1], [1, 0, 0, 1]], dtype=bool)
    assert flips(correct).tolist() == [0, 3, 0, 1]
    assert forgetting_events(correct).tolist() == [0, 2, 0, 0]
    assert never_learnt(correct).tolist() == [False, False, True, False]
    assert unforgettable(correct).tolist() == [True, False, False, True]
    assert misclassification_ratio(correct).tolist() == [0, 0.5, 1, 0.5]
    assert stability(correct)[1:].tolist() == [0.75, 0.5, 0.75]
    assert most_flipping(correct, 3).tolist() == [1, 3, 0]
    assert most_flipping(correct, 9).tolist() == [1, 3, 0, 2]


def test_one_evaluation_has_no_flips():
    correct = drawn(evaluations=1)
    assert np.isnan(stability(correct)).tolist() == [True]
    assert flips(correct).sum() == forgetting_events(correct).sum() == 0


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,)])
def test_nothing_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(T, N\) is expected"):
        flips(np.zeros(shape, dtype=bool))
