from __future__ import annotations

import itertools

import pytest

from recipelab.config.schema import Trainer
from recipelab.core.errors import UserError
from recipelab.loop.plan import make_plan


def plan(samples=180, **trainer):
    return make_plan(Trainer(**{"batch_size": 32, "epochs": 3, **trainer}), samples)


def moments(plan):
    """The step counts at which the loop looks whether something is due, from the start to the end."""
    steps = [0]
    while steps[-1] < plan.total:
        steps.append(plan.next_boundary(steps[-1]))
    return steps


@pytest.mark.parametrize(
    ("samples", "accumulate", "steps"), [(180, 1, 6), (160, 1, 5), (161, 1, 6), (180, 2, 3), (5, 4, 1)]
)
def test_an_epoch_ends_with_its_last_part_of_a_batch(samples, accumulate, steps):
    assert plan(samples, accumulate=accumulate).steps_per_epoch == steps


def test_steps_stand_in_for_epochs():
    assert plan(steps=7, epochs=None).total == 7
    assert plan(epochs=4).total == 24


@pytest.mark.parametrize(
    ("every", "steps"), [("1ep", 6), ("0.5ep", 3), ("4st", 4), ("50%", 9), ("0.01ep", 1), ("100ep", 600)]
)
def test_what_is_due_is_met_and_the_end_always_is(every, steps):
    it = plan(evaluate_every=every, checkpoint_every=every)
    due = [step for step in moments(it) if it.evaluation_due(step) and step]
    assert due == sorted({*range(steps, 19, steps), 18})
    assert [step for step in moments(it) if it.checkpoint_due(step)] == due


@pytest.mark.parametrize("evaluate", ["1ep", "5st", "0.3ep"])
@pytest.mark.parametrize("checkpoint", ["2st", "1ep", "7st"])
@pytest.mark.parametrize("keep", [[], [1, "13st"], ["1ep", 17]])
def test_the_loop_stops_wherever_something_is_due(evaluate, checkpoint, keep):
    it = plan(evaluate_every=evaluate, checkpoint_every=checkpoint, checkpoint_at=keep)
    due = {s for s in range(1, 19) if it.row_due(s) or it.checkpoint_due(s) or s in it.keep}
    assert set(moments(it)) - {0} == due


def test_an_epochs_end_has_a_row_even_when_it_is_not_evaluated():
    it = plan(evaluate_every="4st")
    assert [step for step in range(19) if it.row_due(step)] == [4, 6, 8, 12, 16, 18]
    assert [step for step in range(19) if it.epoch_end(step) and step] == [6, 12, 18]


@pytest.mark.parametrize(("samples", "accumulate"), [(180, 1), (180, 2), (192, 1), (33, 3)])
def test_samples_are_counted_as_the_loader_gives_them(samples, accumulate):
    it = plan(samples, accumulate=accumulate)
    sizes = [len(range(begin, min(begin + 32 * accumulate, samples))) for begin in range(0, samples, 32 * accumulate)]
    expected = [0, *itertools.accumulate(sizes * 3)]
    assert [it.samples_seen(step) for step in range(it.total + 1)] == expected
    assert [it.position(step) for step in range(it.steps_per_epoch)] == list(range(0, samples, 32 * accumulate))
    assert it.position(it.steps_per_epoch) == 0


def test_a_bad_duration_names_its_key():
    with pytest.raises(UserError, match=r"trainer\.checkpoint_at='soon' is not a duration"):
        plan(checkpoint_at=["soon"])


def test_a_shortened_plan_keeps_the_epochs_of_the_long_one():
    it = plan(epochs=100).shortened(6)
    assert (it.total, it.steps_per_epoch) == (6, 6)
    assert moments(it) == [0, 3, 6]
    assert plan(epochs=100).shortened(1000).total == 600
