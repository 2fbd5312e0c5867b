from __future__ import annotations

import numpy as np
import pytest

from recipelab.core.errors import RunError
from recipelab.optim.lr_range import diverged, exponential, smooth, suggest


def course(rates: np.ndarray) -> np.ndarray:
    """Flat, falling most steeply at 0.01, lowest near 0.1, then broken."""
    x = np.log10(rates)
    return 2.3 - 1.5 / (1 + np.exp(-4 * (x + 2))) + np.exp(3 * (x - 0.3))


def test_rates_rise_by_the_same_factor():
    found = exponential(1e-5, 10.0, 7)
    np.testing.assert_allclose(found, [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0])


def test_the_suggestion_is_where_the_loss_falls_most_steeply():
    rates = exponential(1e-6, 10.0, 300)
    found = suggest(rates, course(rates))
    assert 0.005 < found.suggestion < 0.05  # the average lags a little
    broken = course(rates)
    broken[260:] = np.nan
    assert len(suggest(rates, broken).rates) == 260


def test_the_average_is_debiased():
    np.testing.assert_allclose(smooth(np.full(5, 3.0)), np.full(5, 3.0))
    plain = [2.0, (0.9 * 0.1 * 2.0 + 0.1 * 4.0) / (1 - 0.9**2)]
    np.testing.assert_allclose(smooth(np.array([2.0, 4.0])), plain)


def test_a_broken_loss_ends_the_test():
    assert diverged(np.array([1.0, np.inf]))
    assert not diverged(np.full(10, 2.0))
    assert diverged(np.array([1.0] * 10 + [100.0] * 3))


@pytest.mark.parametrize(
    ("losses", "message"), [([np.nan] * 30, "not finite from the beginning"), (list(range(1, 31)), "did not fall")]
)
def test_nothing_to_suggest_is_said(losses, message):
    with pytest.raises(RunError, match=message):
        suggest(exponential(1e-6, 1.0, 30), np.array(losses, dtype=float))
