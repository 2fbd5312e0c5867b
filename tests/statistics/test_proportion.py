"""The interval of a share, against statsmodels and by its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from recipelab.statistics.proportion import wilson


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_it_is_statsmodels_interval(confidence: float) -> None:
    counts = np.repeat([1, 2, 10, 500], 5)
    hits = (counts * np.tile([0, 0.25, 0.5, 0.9, 1], 4)).astype(np.int64)
    low, high = wilson(hits, counts, confidence)
    told = proportion_confint(hits, counts, alpha=1 - confidence, method="wilson")
    assert low == pytest.approx(told[0], abs=1e-12)
    assert high == pytest.approx(told[1], abs=1e-12)


def test_no_samples_have_no_interval_and_all_right_is_not_certain() -> None:
    low, high = wilson(np.array([0, 10, 0]), np.array([0, 10, 10]))
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < 0.75
    assert high[1] == pytest.approx(1)
    assert (low[2], round(high[2], 2)) == (0, 0.28)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.93])
def test_it_holds_the_true_share_as_often_as_it_says(share: float) -> None:
    """Exactly, over all outcomes of 100 draws; by chance of the discreteness a little more or less."""
    hits = np.arange(101)
    low, high = wilson(hits, np.full(101, 100))
    covered = stats.binom.pmf(hits, 100, share)[(low <= share) & (share <= high)].sum()
    assert covered == pytest.approx(0.95, abs=0.025)
