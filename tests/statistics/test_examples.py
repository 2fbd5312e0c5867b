"""Arms compared over seeds and examples: counts, a slow twin of the interval, and what each level contributes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recipelab.statistics.agreement import mcnemar
from recipelab.statistics.examples import over_examples
from recipelab.statistics.intervals import mean_interval
from statistics_of_examples import correctness


def test_counts_and_tests_are_those_of_each_seed():
    arm, other = correctness(np.random.default_rng(0), 3, 200, effect=0.5)
    found, each = over_examples(arm, other), [mcnemar(a, b) for a, b in zip(arm, other, strict=True)]
    assert (found.seeds, found.examples) == (3, 200)
    assert found.only_arm == sum(one.only_first for one in each)
    assert found.only_other == sum(one.only_second for one in each)
    assert found.p_mcnemar == tuple(one.p for one in each)
    assert found.mean == pytest.approx(arm.mean() - other.mean())
    assert found.mean == pytest.approx((found.only_arm - found.only_other) / 600)
    mirrored = over_examples(other, arm)
    assert (mirrored.only_arm, mirrored.mean) == (found.only_other, pytest.approx(-found.mean))


def test_the_interval_is_that_of_a_plain_bootstrap_of_both_levels():
    """The twin draws whole seeds and whole examples, one after the other."""
    arm, other = correctness(np.random.default_rng(1), 4, 300, effect=0.3, seed_noise=0.3, own=0.5)
    differences = arm.astype(float) - other
    rng, means = np.random.default_rng(2), []
    widened = np.sqrt(4 / 3) * stats.t.isf(0.025, 3) / stats.norm.isf(0.025)
    for _ in range(4000):
        seeds, examples = rng.integers(0, 4, 4), rng.integers(0, 300, 300)
        of_seeds = differences[seeds].mean() - differences.mean()
        means.append(widened * of_seeds + differences[:, examples].mean())
    found = over_examples(arm, other)
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.006)


def test_seeds_that_agree_leave_the_interval_of_the_examples():
    """With the same differences in every seed, more seeds add nothing: it is that of one sample of examples."""
    arm, other = (rows[:1].repeat(5, 0) for rows in correctness(np.random.default_rng(3), 1, 400, own=1.0))
    found, of_examples = over_examples(arm, other), mean_interval(arm[0].astype(float) - other[0])
    assert found.high - found.low == pytest.approx(of_examples.high - of_examples.low, rel=0.1)


def test_examples_that_agree_leave_the_interval_of_the_seeds():
    arm = np.zeros((6, 1000), np.bool_)
    for row, share in zip(arm, (0.1, 0.12, 0.08, 0.11, 0.09, 0.13), strict=True):
        row[: int(1000 * share)] = True
    found, of_seeds = over_examples(arm, np.zeros_like(arm)), mean_interval(arm.mean(1))
    examples = 1.96 * arm.mean(0).std() / np.sqrt(1000)
    assert found.high - found.low == pytest.approx(2 * np.hypot(examples, of_seeds.high - of_seeds.mean), rel=0.12)


def test_one_seed_has_counts_and_no_interval():
    found = over_examples(*correctness(np.random.default_rng(4), 1, 50))
    assert (found.low, found.high, found.seeds) == (None, None, 1)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="the same shape"):
        over_examples([np.ones(3, np.bool_)], [np.ones(4, np.bool_)])
    with pytest.raises(ValueError, match="at least one array"):
        over_examples([], [])
