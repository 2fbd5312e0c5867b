"""Which trainings fork, from which, and where: the largest saving, and only what is fixed before the start."""

import itertools

import numpy as np
import pytest

from recipelab.studies.forks import Course, agreement, forks_of, may_fork


def curve(*pieces):
    """Rates in pieces (value, steps)."""
    return np.concatenate([np.full(steps, value) for value, steps in pieces])


def test_agreement_counts_equal_first_steps():
    assert agreement(curve((1, 5), (0.1, 5)), curve((1, 7), (0.1, 3))) == 5
    assert agreement(curve((1, 5)), curve((1, 8))) == 5
    assert agreement(curve((1, 5)), curve((0.5, 5))) == 0
    both = np.stack([curve((1, 4)), curve((0.9, 2), (0.8, 2))], axis=1)
    assert agreement(both, np.stack([curve((1, 4)), np.full(4, 0.9)], axis=1)) == 2


def test_a_constant_rate_begins_as_its_multistep_does():
    courses = [
        Course("multistep", curve((1, 90), (0.1, 45), (0.01, 45)), "a"),
        Course("cosine", np.cos(np.linspace(0, 1.5, 180)), "a"),
        Course("constant", curve((1, 180)), "a"),
    ]
    ((name, fork),) = forks_of(courses).items()
    assert (name, fork.parent, fork.step, fork.total) == ("constant", "multistep", 90, 180)


def test_other_recipes_and_unknown_rates_are_left_alone():
    same = curve((1, 90), (0.1, 90))
    assert not forks_of([Course("a", same, "x"), Course("b", curve((1, 180)), "y")])
    assert not forks_of([Course("a", same, "x"), Course("b", None, "x")])
    assert not forks_of([Course("a", curve((1, 2), (0.1, 178)), "x"), Course("b", curve((1, 180)), "x")])


def saved_by_a_trie(plans):
    """What sharing every common beginning saves: the steps of all, less the nodes of the trie of them all."""
    nodes = {tuple(plan[: i + 1]) for plan in plans for i in range(len(plan))}
    return sum(map(len, plans)) - len(nodes)


@pytest.mark.parametrize("seed", range(20))
def test_the_saving_is_the_largest_there_is(seed):
    rng = np.random.default_rng(seed)
    plans = {tuple(rng.integers(0, 2, 6).repeat(10)) for _ in range(6)}
    courses = [Course(f"t{i}", np.array(plan, float), "x") for i, plan in enumerate(sorted(plans))]
    forks = forks_of(courses)
    assert sum(fork.step for fork in forks.values()) == saved_by_a_trie(sorted(plans))
    by_name = {course.name: course for course in courses}
    for name, fork in forks.items():
        assert agreement(by_name[name].rates, by_name[fork.parent].rates) >= fork.step
        parent = forks.get(fork.parent)  # its own record begins there: it can keep nothing earlier
        assert parent is None or parent.step <= fork.step
    assert not any(fork.parent == name for name, fork in itertools.chain(forks.items()))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"early_stopping": {"metric": "accuracy"}}, False),
        ({"trainer": {"on_out_of_memory": "split"}}, False),
    ],
)
def test_what_depends_on_the_training_does_not_fork(change, expected):
    assert may_fork({"trainer": {"on_out_of_memory": "fail"}, **change}) is expected
