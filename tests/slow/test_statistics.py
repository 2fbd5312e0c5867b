"""Simulated often: coverage of the intervals 93 to 97 %, false verdicts below 6.5 % with 99 % confidence."""

import numpy as np
import pytest
from scipy import stats

from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import verdicts

TRIALS = 4000
EXAMPLES, ACCURACY, SEED_NOISE = 10_000, 0.92, 0.0015


def runs(rng, n):
    return rng.binomial(EXAMPLES, ACCURACY + rng.normal(0, SEED_NOISE, n)) / EXAMPLES


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_coverage_and_false_verdicts(n):
    rng = np.random.default_rng(100 + n)
    covered = false = 0
    for _ in range(TRIALS):
        arms, baseline = {name: runs(rng, n) for name in "abcd"}, runs(rng, n)
        interval = mean_interval(arms["a"] - baseline)
        covered += interval.low <= 0 <= interval.high
        false += any(
            v.word in ("better", "worse")
            for v in verdicts({name: (values, baseline) for name, values in arms.items()}).values()
        )
    bound = stats.beta.ppf(0.99, false + 1, TRIALS - false)
    print(f"n = {n}: coverage {covered / TRIALS:.4f}, false verdicts {false / TRIALS:.4f} (99 % bound {bound:.4f})")
    assert 0.93 <= covered / TRIALS <= 0.97
    assert bound < 0.065
