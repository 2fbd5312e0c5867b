"""The front of cost against value."""

import numpy as np

from recipelab.statistics.pareto import pareto_front


def test_the_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    cost, value = rng.random(200), rng.random(200)
    front = pareto_front(cost, value)
    beaten = [
        any((cost <= cost[i]) & (value >= value[i]) & ((cost < cost[i]) | (value > value[i]))) for i in range(200)
    ]
    assert sorted(front) == [i for i in range(200) if not beaten[i]]
    assert list(cost[front]) == sorted(cost[front])


def test_of_equals_the_first_stays_and_errors_may_be_low():
    assert list(pareto_front(np.array([1, 1, 2]), np.array([3, 3, 3]))) == [0]
    assert list(pareto_front(np.array([1, 2]), np.array([0.5, 0.4]), higher_is_better=False)) == [0, 1]
