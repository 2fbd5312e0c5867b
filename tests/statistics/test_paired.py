"""Paired comparisons: against scipy, statsmodels, and plain counting."""

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from recipelab.statistics import paired

RNG = np.random.default_rng(5)
PAIRS = [(RNG.normal(0.9, 0.01, n), RNG.normal(0.895, 0.01, n)) for n in (2, 3, 5, 12, 30)]


@pytest.mark.parametrize(("arm", "other"), PAIRS)
def test_paired_t_is_scipys(arm, other):
    found = paired.compare(arm, other)
    assert found.p == pytest.approx(stats.ttest_rel(arm, other).pvalue, rel=1e-10)
    assert found.difference.mean == pytest.approx((arm - other).mean())


@pytest.mark.parametrize(("arm", "other"), PAIRS[:4])
def test_sign_flip_counts_all_patterns(arm, other):
    differences = arm - other
    patterns = itertools.product((-1, 1), repeat=len(differences))
    far = [abs(np.dot(signs, differences)) >= abs(differences.sum()) - 1e-12 for signs in patterns]
    assert paired.sign_flip(differences) == np.mean(far)


def test_sign_flip_is_scipys_permutation_test():
    differences = PAIRS[3][0] - PAIRS[3][1]
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert paired.sign_flip(differences) == pytest.approx(theirs.pvalue)


def test_sign_flip_of_many_pairs_is_estimated_and_never_zero():
    assert paired.sign_flip(np.ones(30)) == pytest.approx(1 / 100_001)
    arm, other = PAIRS[4]
    assert paired.sign_flip(arm - other) == pytest.approx(stats.ttest_rel(arm, other).pvalue, abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10])
def test_the_smallest_p_is_reached_when_all_differences_agree(n):
    assert paired.smallest_p(n) == paired.sign_flip(np.linspace(1, 2, n))


def test_holm_is_statsmodels():
    p = [0.01, 0.04, 0.03, 0.005, 0.7]
    assert paired.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_test_that_could_not_be_made_counts_in_the_family():
    assert paired.holm([0.02, None, 0.5]) == [pytest.approx(0.06), None, 1.0]
    assert paired.holm([]) == []


@pytest.mark.parametrize(("arm", "other"), PAIRS)
def test_equivalence_is_statsmodels(arm, other):
    assert paired.equivalence(arm - other, 0.02) == pytest.approx(ttost_paired(arm, other, -0.02, 0.02)[0], rel=1e-9)


def test_equivalence_of_one_pair_and_of_equal_differences():
    assert paired.equivalence(np.array([0.0]), 0.1) is None
    assert paired.equivalence(np.zeros(3), 0.1) == 0.0
    assert paired.equivalence(np.full(3, 0.2), 0.5) is None


@pytest.mark.parametrize(("effect", "n"), [(0.5, 10), (1.0, 5), (3.0, 5), (0.2, 100)])
def test_power_is_statsmodels(effect, n):
    assert paired.power(effect, 1.0, n) == pytest.approx(TTestPower().power(effect, n, 0.05), rel=1e-6)


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.8, 2.0])
def test_seeds_needed_is_the_first_with_enough_power(effect):
    n = paired.seeds_needed(effect, 1.0)
    assert n is not None
    assert paired.power(effect, 1.0, n) >= 0.8 > (paired.power(effect, 1.0, n - 1) if n > 2 else 0)
    assert n == pytest.approx(TTestPower().solve_power(effect, power=0.8, alpha=0.05), abs=1)


def test_no_number_of_seeds_proves_no_effect():
    assert paired.seeds_needed(0.0, 1.0) is None
    assert paired.seeds_needed(1e-9, 1.0) is None
    assert paired.seeds_needed(0.1, 0.0) == 2


def test_what_is_not_paired_is_refused():
    with pytest.raises(ValueError, match="paired"):
        paired.compare(np.zeros(3), np.zeros(4))


def test_a_single_pair_proves_nothing():
    found = paired.compare(np.array([0.9]), np.array([0.8]))
    assert (found.p, found.p_sign, found.p_smallest, found.difference.low) == (None, None, 1.0, None)


def test_a_spread_of_nothing_is_no_proof():
    """Both arms moved by one image of 359: differences equal up to rounding."""
    other = np.array([341, 339]) / 359
    found = paired.compare(other - 1 / 359, other)
    assert (found.p, found.difference.n) == (None, 2)


def test_holms_levels_are_what_its_adjusted_values_amount_to():
    """Rejecting adjusted values at alpha is rejecting raw ones, in order, while each is below its own level."""
    values = [0.02, None, 0.001, 0.04, 0.013]
    levels = paired.holm_levels(values, 0.05)
    assert levels == pytest.approx([0.05 / 3, 0.05 / 5, 0.05 / 5, 0.05 / 2, 0.05 / 4])
    rejected = [p is not None and p <= 0.05 for p in paired.holm(values)]
    in_order, going = [False] * 5, True
    for p, i in sorted((p, i) for i, p in enumerate(values) if p is not None):
        going = going and p <= levels[i]
        in_order[i] = going
    assert rejected == in_order
