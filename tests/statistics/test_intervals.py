"""Intervals: against scipy, and how often they hold the true mean."""

import numpy as np
import pytest
from scipy import stats

from recipelab.statistics.intervals import mean_interval


def test_few_values_have_students_interval():
    rng = np.random.default_rng(1)
    values = rng.normal(0.9, 0.01, 5)
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert found.kind == "t"
    assert found.std == pytest.approx(values.std(ddof=1))


def test_one_value_has_no_interval():
    found = mean_interval(np.array([0.5]))
    assert (found.mean, found.low, found.high, found.std, found.kind) == (0.5, None, None, None, "none")


def test_equal_values_have_an_interval_of_nothing():
    found = mean_interval(np.full(4, 0.25))
    assert (found.low, found.high, found.std) == (0.25, 0.25, 0.0)


def test_many_values_have_the_bootstraps_interval_a_little_wider_than_scipys():
    values = np.random.default_rng(2).gamma(2.0, size=40)
    found = mean_interval(values)
    theirs = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert found.kind == "bca"
    assert found.low is not None
    assert found.high is not None
    widths = (found.high - found.low) / (theirs.high - theirs.low)
    assert widths == pytest.approx(np.sqrt(40 / 39) * stats.t.ppf(0.975, 39) / stats.norm.ppf(0.975), abs=0.03)
    assert found.low < theirs.low
    assert found.high > theirs.high


def test_an_interval_is_the_same_every_time():
    values = np.random.default_rng(3).normal(size=25)
    assert mean_interval(values) == mean_interval(values)
