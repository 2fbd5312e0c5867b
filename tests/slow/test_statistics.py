"""Simulated often: coverage of the intervals 93 to 97 %, false verdicts below 6.5 % with 99 % confidence."""

import numpy as np
import pytest
from scipy import stats

from recipelab.statistics.examples import over_examples
from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import verdicts
from statistics_of_examples import correctness

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


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize(("seed_noise", "own"), [(0.0, 0.7), (0.15, 0.3), (0.3, 0.0)])
def test_the_interval_over_examples_covers_at_least_what_it_says(seeds, seed_noise, own):
    """No difference between the arms over all seeds and all examples there could be, where examples, both, or seeds
    dominate. It may be too wide: what examples and seeds do together is counted with both."""
    rng, covered, trials = np.random.default_rng(seeds), 0, 1000
    for _ in range(trials):
        found = over_examples(*correctness(rng, seeds, 1000, seed_noise=seed_noise, own=own))
        covered += found.low <= 0 <= found.high
    print(f"{seeds} seeds, noise {seed_noise}, examples {own}: coverage {covered / trials:.3f}")
    assert covered / trials >= 0.93
