"""Verdicts: simulated, so that they err as rarely as they say, and see what is there."""

import numpy as np
import pytest
from scipy import stats

from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import exceeds, verdicts

EXAMPLES, ACCURACY, SEED_NOISE = 10_000, 0.92, 0.0015


def runs(rng, shape, effect=0.0):
    """Accuracies of runs: normal noise of the seed, binomial noise of the test examples."""
    true = np.clip(ACCURACY + effect + rng.normal(0, SEED_NOISE, shape), 0, 1)
    return rng.binomial(EXAMPLES, true) / EXAMPLES


def against(arms, baseline):
    """Every arm with the one baseline."""
    return {name: (values, baseline) for name, values in arms.items()}


def upper(count, trials, confidence=0.99):
    """Clopper and Pearson's upper bound of a rate."""
    return stats.beta.ppf(confidence, count + 1, trials - count)


def lower(count, trials, confidence=0.99):
    """The lower one."""
    return stats.beta.ppf(1 - confidence, count, trials - count + 1) if count else 0.0


@pytest.mark.parametrize(("n", "trials"), [(3, 300), (5, 300), (10, 300), (20, 40)])
def test_the_interval_covers_and_nothing_is_called_different_that_is_not(n, trials):
    rng = np.random.default_rng(n)
    covered = false = 0
    for _ in range(trials):
        arms, baseline = {"a": runs(rng, n), "b": runs(rng, n), "c": runs(rng, n)}, runs(rng, n)
        interval = mean_interval(arms["a"] - baseline)
        covered += interval.low <= 0 <= interval.high
        false += any(v.word in ("better", "worse") for v in verdicts(against(arms, baseline)).values())
    # so few trials tell only gross errors; tests/slow/test_statistics.py has enough for 93 to 97 % and 6.5 %
    assert upper(trials - covered, trials) > 0.025
    assert lower(trials - covered, trials) < 0.07
    assert lower(false, trials) < 0.05


def test_an_effect_of_three_deviations_is_seen_with_five_seeds():
    rng = np.random.default_rng(0)
    spread = np.sqrt(2 * (SEED_NOISE**2 + ACCURACY * (1 - ACCURACY) / EXAMPLES))
    seen = sum(verdicts({"arm": (runs(rng, 5, 3 * spread), runs(rng, 5))})["arm"].word == "better" for _ in range(300))
    assert seen / 300 >= 0.8


def test_words():
    baseline = np.array([0.90, 0.91, 0.905])
    shifts = np.array([0.0001, -0.0001, 0.0])
    arms = {
        "up": baseline + 0.05 + shifts,
        "down": baseline - 0.05 + shifts,
        "same": baseline + shifts,
        "noise": baseline + np.array([0.05, -0.04, 0.01]),
    }
    found = verdicts(against(arms, baseline), margin=0.002)
    assert {name: v.word for name, v in found.items()} == {
        "up": "better", "down": "worse", "same": "equivalent", "noise": "unproven",
    }  # fmt: skip
    assert str(found["same"]) == "equivalent within 0.002, n = 3"
    assert found["noise"].needed is not None
    assert verdicts(against(arms, baseline))["same"].word == "unproven"


def test_for_an_error_lower_is_better():
    found = verdicts({"arm": (np.array([1.0, 1.1, 1.05]), np.array([2.0, 2.1, 2.06]))}, higher_is_better=False)
    assert found["arm"].word == "better"


def test_one_seed_proves_nothing_however_large_the_difference():
    found = verdicts({"arm": (np.array([0.99]), np.array([0.1]))}, margin=0.5)["arm"]
    assert (found.word, found.p, found.needed) == ("unproven", None, None)


def test_a_claim_of_more_than_a_margin():
    arm, other = np.array([0.92, 0.93, 0.925]), np.array([0.90, 0.911, 0.904])
    assert exceeds(arm, other, 0.01) == pytest.approx(
        stats.ttest_1samp(arm - other, 0.01, alternative="greater").pvalue
    )
    assert exceeds(arm[:1], other[:1], 0.0) is None
