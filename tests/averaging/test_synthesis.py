"""Averages after the run: the fast least squares against the plain one, exact cases, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from recipelab.averaging.profiles import Block, profile
from recipelab.averaging.synthesis import combine

EPOCHS, STEPS = 30, 40
TOTAL = EPOCHS * STEPS


def ema(decay: float) -> np.ndarray:
    return profile(np.full(TOTAL, 1 - decay))


def half_life(epochs: float) -> np.ndarray:
    return ema(2 ** (-1 / (epochs * STEPS)))


def epoch_means(every: int = 1, first: int = 0) -> list[Block]:
    return [Block(e * STEPS, (e + every) * STEPS) for e in range(first, EPOCHS, every)]


def plain(entries, target):
    """The twin: one dense least squares, the sum of 1 by putting 1 less the others for the first coefficient."""
    rows = np.stack([entry.profile(TOTAL) if isinstance(entry, Block) else entry for entry in entries])
    others = np.linalg.lstsq((rows[1:] - rows[0]).T, target - rows[0], rcond=None)[0]
    coefficients = np.concatenate([[1 - others.sum()], others])
    return coefficients, np.abs(coefficients @ rows - target).sum()


INITIAL, LAST = Block(0, 0), Block(TOTAL, TOTAL)
STORES = {
    "epochs": [INITIAL, *epoch_means()],
    "thinned": [INITIAL, *epoch_means(5)],
    "last": [*epoch_means(), LAST],
    "tracked": [INITIAL, *epoch_means(), LAST, ema(0.99), ema(0.999)],
    "gaps": [*epoch_means(first=3)[::2], LAST, ema(0.99)],
    "no initial": [*epoch_means(), ema(0.99)],
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("epochs", [0.2, 1, 3, 20])
def test_it_is_the_plain_least_squares(store, epochs):
    target = half_life(epochs)
    (found,) = combine(STORES[store], [target])
    coefficients, residual = plain(STORES[store], target)
    np.testing.assert_allclose(found.coefficients, coefficients, atol=1e-7)
    assert found.coefficients.sum() == pytest.approx(1, abs=1e-9)
    assert found.residual == pytest.approx(residual, abs=1e-8)
    assert found.amplification == pytest.approx(np.abs(coefficients).sum(), rel=1e-6)


def test_several_targets_are_solved_as_each_alone():
    targets = [half_life(epochs) for epochs in (1, 2, 5)]
    for one, target in zip(combine(STORES["tracked"], targets), targets, strict=True):
        np.testing.assert_allclose(one.coefficients, combine(STORES["tracked"], [target])[0].coefficients, atol=1e-12)


def test_epoch_means_alone_have_no_negative_coefficient_and_amplify_nothing():
    for epochs in (0.1, 1, 10):
        (found,) = combine(STORES["epochs"], [half_life(epochs)])
        assert (found.coefficients >= 0).all()
        assert found.amplification == pytest.approx(1)


@pytest.mark.parametrize(("every", "window"), [(1, 7), (5, 10), (1, 30)])
def test_a_window_of_whole_blocks_is_exact(every, window):
    target = Block(TOTAL - window * STEPS, TOTAL).profile(TOTAL)
    (found,) = combine([INITIAL, *epoch_means(every)], [target])
    assert found.residual < 1e-12
    assert found.admissible


def test_a_tracked_average_is_found_exactly():
    (found,) = combine(STORES["tracked"], [ema(0.999)])
    np.testing.assert_allclose(found.coefficients, [0] * (len(STORES["tracked"]) - 1) + [1], atol=1e-9)
    assert found.residual < 1e-9


def test_an_average_that_the_store_spans_already_does_no_harm():
    """A stochastic weight average of epoch ends' means is no news; the coefficients stay small."""
    spanned = Block(0, TOTAL).profile(TOTAL)
    (found,) = combine([INITIAL, *epoch_means(), spanned, spanned], [half_life(5)])
    assert found.amplification == pytest.approx(1)


def test_the_known_limits_of_epoch_means():
    """180 epochs of 352 steps: L1 .026, .044, .088 for decays .9997, .9995, .999, all of them positive."""
    total = 180 * 352
    targets = [profile(np.full(total, 1 - decay)) for decay in (0.9997, 0.9995, 0.999, 0.99)]
    store = [Block(e * 352, (e + 1) * 352) for e in range(180)]
    found = combine(store, targets)
    assert [one.residual for one in found[:3]] == pytest.approx([0.026, 0.044, 0.088], abs=0.002)
    assert [one.admissible for one in found] == [True, True, True, False]


def test_coefficients_that_would_amplify_the_rounding_are_refused():
    """Two almost equal averages can make a third of another kind, by their difference."""
    slow = [ema(decay) for decay in (0.999, 0.9990001)]
    (found,) = combine([*slow, *epoch_means(30)], [ema(0.9995)])
    assert found.amplification > 1000
    assert not found.admissible
