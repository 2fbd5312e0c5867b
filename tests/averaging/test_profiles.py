"""A profile says what is in an average: against averages that are carried step by step."""

from __future__ import annotations

import numpy as np
import pytest

from recipelab.averaging.profiles import Block, profile


def carried(weights, walk):
    """The average, step by step: walk (T + 1, P) from the initial weights on."""
    average = walk[0]
    for weight, now in zip(weights, walk[1:], strict=True):
        average = (1 - weight) * average + weight * now
    return average


@pytest.mark.parametrize("seed", range(5))
def test_a_profile_times_the_weights_is_the_average_that_was_carried(seed):
    draw = np.random.default_rng(seed)
    weights = draw.uniform(0, 1, 40) * draw.integers(0, 2, 40)
    weights[draw.integers(0, 40, 2)] = 1.0
    walk = draw.normal(size=(41, 3))
    found = profile(weights)
    np.testing.assert_allclose(found @ walk, carried(weights, walk), atol=1e-13)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()


def test_an_average_that_takes_nothing_is_the_initial_weights():
    np.testing.assert_array_equal(profile(np.zeros(3)), [1, 0, 0, 0])


def test_a_block_is_the_mean_of_its_steps():
    np.testing.assert_allclose(Block(2, 5).profile(6), [0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_array_equal(Block(0, 2).profile(2), [0, 0.5, 0.5])


def test_a_block_without_a_length_is_one_steps_weights():
    np.testing.assert_array_equal(Block(0, 0).profile(2), [1, 0, 0])
    np.testing.assert_array_equal(Block(2, 2).profile(2), [0, 0, 1])
