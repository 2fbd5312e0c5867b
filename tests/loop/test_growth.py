"""A growing batch: the plan against a walk through its epochs, the schedule by samples seen, and a run resumed."""

from __future__ import annotations

import itertools
import signal

import numpy as np
import pytest

from compare import assert_same, load
from processes import at, send
from recipelab.config.schema import BatchSchedule, Trainer
from recipelab.core.durations import Timeline
from recipelab.core.errors import Interrupted, UserError
from recipelab.loop.growth import along, grown
from recipelab.loop.plan import make_plan
from recipelab.optim.schedules.cosine import cosine
from recipelab.optim.schedules.one_cycle import one_cycle
from recipelab.optim.schedules.plateau import ReduceOnPlateau


def growing(samples=180, trainer=None, **schedule):
    given = Trainer(**{"batch_size": 16, "epochs": 4, **(trainer or {})})
    return grown(make_plan(given, samples), BatchSchedule(**schedule), given.epochs)


@pytest.mark.parametrize(
    ("schedule", "sizes"),
    [
        ({"milestones": ["1ep", "3ep"]}, (16, 32, 32, 64)),
        ({"milestones": ["50%"], "factor": 5.0}, (16, 16, 80, 80)),
        ({"every": "1ep"}, (16, 32, 64, 128)),
        ({"every": "1ep", "factor": 1.5, "maximum": 40}, (16, 24, 36, 40)),
        ({"milestones": ["0.5ep"]}, (16, 32, 32, 32)),  # within an epoch: from the next on
        ({"every": "1ep", "factor": 100.0}, (16, 180, 180, 180)),
    ],
)
def test_the_batch_size_of_each_epoch(schedule, sizes):
    assert growing(**schedule).sizes == sizes


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("samples", [180, 192, 33])
def test_steps_positions_and_samples_are_those_of_a_walk(samples, accumulate):
    plan = growing(samples, {"accumulate": accumulate}, every="1ep", factor=1.5)
    walk = []
    for epoch, size in enumerate(plan.sizes):
        for begin in range(0, samples, size * accumulate):
            walk.append((epoch, begin, begin == 0))
    seen = [epoch * samples + begin for epoch, begin, _ in walk]
    assert plan.total == len(walk)
    assert [(plan.epoch_of(s), plan.position(s), plan.between_epochs(s)) for s in range(plan.total)] == walk
    assert [plan.samples_seen(s) for s in range(plan.total + 1)] == [*seen, 4 * samples]
    assert [plan.epochs(plan.epoch_start(e)) for e in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("every", ["1ep", "0.5ep", "5st", "100%"])
def test_what_is_due_is_met_at_the_first_step_with_as_many_samples(every):
    plan = growing(192, {"evaluate_every": every, "checkpoint_every": every}, every="1ep")
    moments = list(itertools.takewhile(lambda s: s < plan.total, iter_boundaries(plan)))
    due = [s for s in range(1, plan.total) if plan.evaluation_due(s)]
    period = plan.evaluate_every * 16
    expected = {
        min(s for s in range(1, plan.total + 1) if plan.samples_seen(s) >= t) for t in range(period, 769, period)
    }
    assert due == sorted(expected - {plan.total})
    assert set(moments) == {s for s in range(1, plan.total) if plan.row_due(s) or plan.checkpoint_due(s)}
    assert plan.evaluation_due(plan.total)


def iter_boundaries(plan):
    step = 0
    while step < plan.total:
        step = plan.next_boundary(step)
        yield step


@pytest.mark.parametrize(("lr", "power"), [("keep", 0.0), ("linear", 1.0), ("sqrt", 0.5)])
def test_a_schedule_follows_the_samples_and_the_rate_the_batch(lr, power):
    plan = growing(192, every="1ep", lr=lr)
    found = along(plan, cosine(plan.timeline))
    assert found.shape == (plan.total,)
    for step, factor in enumerate(found):
        seen = plan.samples_seen(step)
        size = plan.batch_size_in(plan.epoch_of(step))
        expected = 0.5 * (1 + np.cos(np.pi * (seen // 16) / 48)) * (size / 16) ** power
        assert factor == pytest.approx(expected, rel=1e-12)
    cycle = along(plan, one_cycle(plan.timeline))
    assert cycle.shape == (plan.total, 2)
    assert cycle[:, 1].max() <= 0.95
    plateau = along(plan, ReduceOnPlateau(plan.timeline, warmup="2ep"))
    assert [plateau.item(s) for s in (0, 12, 18)] == pytest.approx([0.0, 0.5 * 2**power, 1.0 * 4**power])
    assert plateau.warm == 18


def test_a_plan_that_does_not_grow_is_left_alone():
    factors = cosine(Timeline(steps_per_epoch=4, total_steps=8))
    assert along(make_plan(Trainer(batch_size=16, epochs=2), 64), factors) is factors


@pytest.mark.parametrize(
    ("trainer", "schedule", "message"),
    [
        ({}, {}, "never changes the batch size of 16 in 4 epochs"),
        ({}, {"milestones": ["9ep"]}, "never changes"),
        ({}, {"every": "1ep", "maximum": 16}, "never changes"),
        ({}, {"milestones": ["soon"]}, r"batch_schedule\.milestones='soon' is not a duration"),
        ({"epochs": None, "steps": 20}, {"every": "1ep"}, "needs a length in epochs"),
    ],
)
def test_what_cannot_be(trainer, schedule, message):
    with pytest.raises(UserError, match=message):
        growing(180, trainer, **schedule)


WORDS = ("batch_schedule=regular", "batch_schedule.every=1ep", "batch_schedule.lr=linear", "trainer.epochs=4")


@pytest.mark.parametrize("stop", [5, 11, 14, 17])
def test_a_run_resumes_bitwise_in_the_middle_with_everything_on(train_tiny, resume, tmp_path, stop):
    words = (*WORDS, "trainer.checkpoint_at=[1ep,13]")
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words, everything=True)
    rows = whole.metrics
    assert [row["samples"] for row in rows if float(row["epoch"]).is_integer()] == [180, 360, 540, 720]
    assert load(whole.path)["step"] == 6 + 3 + 2 + 1
    with at("step", min(stop, 10), send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words, everything=True)
    assert_same(whole.path, resume(info.value.resume.split("trainer.resume=")[1]).path)


def test_every_sample_once_an_epoch_whatever_the_batch(train_tiny):
    run = train_tiny("model._target_=tiny_net.Cramped", "model.most=1000", *WORDS)
    assert int(load(run.path)["model"]["forwards"]) == 6 + 3 + 2 + 1
    assert [row["epoch"] for row in run.metrics] == [1, 2, 3, 4]
