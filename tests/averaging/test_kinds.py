"""The weights of each kind against the published rule, step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from averages import EPOCH, clock
from recipelab.averaging.clock import Clock
from recipelab.averaging.ema import Ema, decay_of_half_life, decay_of_window, half_life_of, window_of
from recipelab.averaging.epoch_mean import epoch_mean_weights
from recipelab.averaging.last_k import LastK
from recipelab.averaging.swa import Swa
from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError

STEPS = 200


def test_half_life_and_window_are_the_decay_in_other_words():
    assert decay_of_half_life(half_life_of(0.9995)) == pytest.approx(0.9995, rel=1e-12)
    assert half_life_of(0.9995) == pytest.approx(1385.95, rel=1e-5)
    assert decay_of_window(window_of(0.99)) == pytest.approx(0.99, rel=1e-12)
    assert (half_life_of(0.0), decay_of_half_life(0), window_of(0.0), decay_of_window(1)) == (0, 0, 1, 0)
    assert np.prod(1 - Ema(half_life="50%").weights(clock())) == pytest.approx(0.25)
    assert Ema(window="10st").weights(clock())[5] == pytest.approx(0.1)


def test_a_half_life_is_one_of_the_training_whatever_the_interval():
    weights = Ema(half_life="2ep", interval=8).weights(clock())
    assert np.prod(1 - weights[: 2 * EPOCH]) == pytest.approx(0.5)
    assert np.count_nonzero(weights) == STEPS // 8
    assert Ema(decay=0.9, interval=8).weights(clock())[7] == pytest.approx(0.1)


def decay_by_timm(decay, step, after):
    """ModelEmaV3.get_decay with use_warmup, written down; step counts from 1."""
    k = max(0, step - after - 1)
    return 0.0 if k <= 0 else min(1 - (1 + k) ** (-2 / 3), decay)


@pytest.mark.parametrize("after", [0, 25])
def test_warm_ups(after):
    found = Ema(decay=0.95, warmup="timm", start=f"{after}st").weights(clock())
    assert found == pytest.approx([1 - decay_by_timm(0.95, step, after) for step in range(1, STEPS + 1)])
    found = Ema(decay=0.95, warmup="tf", start=f"{after}st").weights(clock())
    rule = [1 - min(0.95, (1 + t) / (10 + t)) if t > 0 else 1 for t in range(1 - after, STEPS + 1 - after)]
    assert found == pytest.approx(rule)


def test_bias_correction_leaves_nothing_of_the_start():
    found = Ema(decay=0.99, debias=True).weights(clock())
    assert found == pytest.approx([0.01 / (1 - 0.99**t) for t in range(1, STEPS + 1)])
    weights, mean = np.random.default_rng(0).normal(size=STEPS), 1e6
    for w, value in zip(found, weights, strict=True):
        mean += w * (value - mean)
    powers = 0.99 ** np.arange(STEPS)[::-1]
    assert mean == pytest.approx(float(powers @ weights / powers.sum()))


def test_swa_takes_the_start_and_every_period_after_it():
    found = Swa(start="50st", every="20st").weights(clock())
    taken = [50, 70, 90, 110, 130, 150, 170, 190]
    assert np.flatnonzero(found[49:]) + 50 == pytest.approx(taken)
    assert found[np.array(taken) - 1] == pytest.approx([1 / n for n in range(1, 9)])
    assert (found[:49] == 1).all()
    assert np.flatnonzero(Swa(start="0ep").weights(clock()) != 1)[-1] == STEPS - 1
    assert np.count_nonzero(Swa().weights(clock())[149:]) == 3
    assert (Swa(start="300st").weights(clock()) == 1).all()


def test_the_last_k_take_turns():
    found = LastK(k=3).weights(clock(120))
    assert [np.flatnonzero(row[EPOCH - 1 :]).tolist() for row in found] == [[0, 60], [20, 80], [40, 100]]
    assert (found[0, : EPOCH - 1] == 1).all()


def test_the_epoch_mean_begins_anew_with_each_epoch():
    found = epoch_mean_weights(clock(50).epoch_ends())
    assert found == pytest.approx([1 / (t % EPOCH + 1) for t in range(50)])


def test_steps_of_a_grown_batch_count_for_what_they_are():
    grown = Clock(Timeline(steps_per_epoch=4, total_steps=12), np.array([1, 2, 3, 4, 6, 8, 10, 12]))
    weights = Ema(half_life="4st").weights(grown)
    assert np.prod(1 - weights) == pytest.approx(1 / 8)
    assert epoch_mean_weights(grown.epoch_ends()) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1, 1 / 2, 1, 1 / 2])
    assert np.flatnonzero(LastK(k=2).weights(grown)[1]).tolist() == [5]
    assert Ema(decay=0.9, start="4st").weights(grown) == pytest.approx([1] * 4 + [0.1] * 4)


@pytest.mark.parametrize("kind", [Ema(decay=0.3), Ema(decay=0.9, interval=3, debias=True), Swa(), LastK()])
def test_weights_are_within_0_and_1(kind):
    weights = np.atleast_2d(kind.weights(clock()))
    assert weights.dtype == np.float64
    assert weights.shape[1] == STEPS
    assert ((weights >= 0) & (weights <= 1)).all()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Ema(decay=0.9, half_life="1ep"), "say the same: give one"),
        (lambda: Ema(half_life="0.1st").weights(clock()), "is less than a step"),
        (lambda: Swa(every="0ep"), "longer than nothing"),
        (lambda: LastK(every="soon"), "is not a duration"),
    ],
)
def test_what_cannot_be_is_refused(build, said):
    with pytest.raises(UserError, match=said):
        build()


def test_words():
    said = Ema(decay=0.9995).describe(clock(100_000))
    assert said == (
        "decay 0.9995, half-life 1,386 steps = 69.3 epochs = 1.39% of the run,"
        " window 2,000 steps = 100 epochs = 2.00% of the run"
    )
    assert f"{math.exp(-0.1):.0%} of the initial weights are left" in Ema(decay=0.9995).describe(clock())
    assert "every 4 steps" in Ema(decay=0.9, interval=4).describe(clock())
    assert "after the end" in Swa(start="300st").describe(clock())
    assert "the last 5 weights" in LastK().describe(clock())
