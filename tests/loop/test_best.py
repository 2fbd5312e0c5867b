from __future__ import annotations

import math

import pytest

from recipelab.loop.best import Best


def offered(best, *rows):
    """Which of the rows (accuracy, nll) of successive steps are taken as the best so far."""
    return [
        best.offer({"val_raw_accuracy": accuracy, "val_raw_nll": nll}, step)
        for step, (accuracy, nll) in enumerate(rows, start=1)
    ]


def test_a_higher_accuracy_wins_whatever_the_nll():
    best = Best("accuracy")
    assert offered(best, (0.5, 1.0), (0.6, 9.0), (0.55, 0.1)) == [True, True, False]
    assert (best.step, best.value, best.tie) == (2, 0.6, 9.0)


def test_of_equal_accuracies_the_lower_nll_wins_and_then_the_earlier():
    best = Best("accuracy")
    assert offered(best, (0.5, 1.0), (0.5, 0.9), (0.5, 0.9), (0.5, 0.95)) == [True, True, False, False]
    assert best.step == 2


def test_a_lower_nll_wins_whatever_the_accuracy():
    best = Best("nll", lower=True)
    assert offered(best, (0.9, 1.0), (0.1, 0.5), (0.95, 0.6)) == [True, True, False]
    assert (best.step, best.value) == (2, 0.5)


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_what_is_not_a_number_is_never_the_best(metric):
    best = Best(metric, lower=metric == "nll")
    assert offered(best, (0.9, math.nan), (0.1, 5.0), (0.2, math.nan)) == [False, True, False]
    assert best.step == 2


def test_an_infinite_nll_may_be_the_best_until_there_is_a_finite_one():
    assert offered(Best("nll", lower=True), (0.5, math.inf), (0.5, 3.0)) == [True, True]


def test_another_view_may_be_watched():
    best = Best("accuracy", view="ema_0.9")
    row = {"val_raw_accuracy": 0.9, "val_raw_nll": 0.1, "val_ema_0.9_accuracy": 0.3, "val_ema_0.9_nll": 2.0}
    assert best.offer(row, 4)
    assert (best.step, best.value, best.tie) == (4, 0.3, 2.0)
