"""Every schedule against torch's schedulers and against the published formula in plain Python, at every step."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.optim.schedules.constant import constant
from recipelab.optim.schedules.cosine import cosine
from recipelab.optim.schedules.linear import linear
from recipelab.optim.schedules.multistep import multistep
from recipelab.optim.schedules.step import step

EPOCHS, PER_EPOCH = 12, 11
TOTAL = EPOCHS * PER_EPOCH
TIMELINE = Timeline(steps_per_epoch=PER_EPOCH, total_steps=TOTAL)


def by_torch(build, count: int, base: float = 0.1) -> np.ndarray:
    """The learning rates of torch's scheduler over `count` calls of its step, divided by the base rate."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    scheduler = build(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates) / base


def warm(s: int, w: int, after: float) -> float:
    return s / max(1, w) if s < w else after


FORMULAS = {
    "constant": (constant, {}, lambda s, w: warm(s, w, 1.0)),
    "linear": (linear, {}, lambda s, w: warm(s, w, max(0.0, (TOTAL - s) / max(1.0, TOTAL - w)))),
    **{
        f"cosine-{cycles}": (
            cosine,
            {"cycles": cycles},
            lambda s, w, cycles=cycles: warm(
                s, w, max(0.0, 0.5 * (1 + math.cos(math.pi * 2 * cycles * (s - w) / max(1, TOTAL - w))))
            ),
        )
        for cycles in (0.5, 2.0)
    },
    "multistep": (
        multistep,
        {"milestones": ["4ep", "80st"], "gamma": 0.2},
        lambda s, w: warm(s, w, 0.2 ** ((s >= 44) + (s >= 80))),
    ),
    "step": (step, {"every": "2ep", "gamma": 0.9}, lambda s, w: warm(s, w, 0.9 ** (s // 22))),
}


@pytest.mark.parametrize("warmup", ["0st", "1st", "13st", "2ep"])
@pytest.mark.parametrize("name", FORMULAS)
def test_per_step_equals_lambda_lr_of_the_formula(name, warmup):
    schedule, options, formula = FORMULAS[name]
    w = TIMELINE.steps(warmup)
    found = schedule(TIMELINE, warmup=warmup, **options)
    expected = by_torch(lambda o: lr_scheduler.LambdaLR(o, lambda s: formula(s, w)), TOTAL)
    assert (found.shape, found.dtype) == ((TOTAL,), np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("warmup", ["0st", "13st", "2ep"])
@pytest.mark.parametrize("name", FORMULAS)
def test_per_epoch_holds_the_value_of_the_epochs_first_step(name, warmup):
    schedule, options, formula = FORMULAS[name]
    w = TIMELINE.steps(warmup)
    found = schedule(TIMELINE, warmup=warmup, interval="epoch", **options)
    expected = [formula(s // PER_EPOCH * PER_EPOCH, w) for s in range(TOTAL)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_cosine_per_epoch_is_torchs_cosine_annealing():
    found = cosine(TIMELINE, interval="epoch").reshape(EPOCHS, PER_EPOCH)
    expected = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS), EPOCHS)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], PER_EPOCH, axis=1), rtol=1e-12)


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_multistep_in_epochs_is_torchs_whatever_the_interval(interval):
    timeline = Timeline(steps_per_epoch=5, total_steps=180 * 5)
    found = multistep(timeline, milestones=["90ep", "135ep"], interval=interval)
    expected = by_torch(lambda o: lr_scheduler.MultiStepLR(o, [90, 135], gamma=0.1), 180)
    np.testing.assert_allclose(found, np.repeat(expected, 5), rtol=1e-12)
    assert (found[449], found[450]) == (1.0, 0.1)


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_step_in_epochs_is_torchs_whatever_the_interval(interval):
    timeline = Timeline(steps_per_epoch=5, total_steps=180 * 5)
    found = step(timeline, every="2ep", gamma=0.97, interval=interval)
    expected = by_torch(lambda o: lr_scheduler.StepLR(o, 2, gamma=0.97), 180)
    np.testing.assert_allclose(found, np.repeat(expected, 5), rtol=1e-12)


def test_shares_of_the_training_keep_their_shape_in_a_tiny_run():
    for total in (1, 2, 3, 4, 8):
        found = multistep(Timeline(steps_per_epoch=1, total_steps=total))
        assert found[0] == 1.0
        assert found[-1] == pytest.approx({1: 1.0, 2: 0.1}.get(total, 0.01))


def test_ends_of_the_curves():
    assert cosine(TIMELINE)[0] == linear(TIMELINE)[0] == constant(TIMELINE)[0] == 1.0
    assert linear(TIMELINE)[-1] == pytest.approx(1 / TOTAL)
    assert 0 < cosine(TIMELINE)[-1] < 2e-4
    assert [s(TIMELINE, warmup="2ep")[0] for s in (constant, linear, cosine)] == [0.0] * 3
    assert [s(TIMELINE, warmup="2ep")[22] for s in (constant, linear, cosine)] == [1.0] * 3


def test_a_last_partial_epoch_of_a_training_given_in_steps():
    timeline = Timeline(steps_per_epoch=4, total_steps=10)
    np.testing.assert_allclose(linear(timeline, interval="epoch"), [1.0] * 4 + [0.6] * 4 + [0.2] * 2)


def test_milestones_beyond_the_end_are_never_reached():
    assert (multistep(TIMELINE, milestones=["90ep", "135ep"]) == 1.0).all()
    assert (multistep(TIMELINE, milestones=[]) == 1.0).all()


@pytest.mark.parametrize("milestones", [["9ep", "3ep"], ["3ep", "3ep"], ["75%", "3ep"], ["1ep", "5ep", "4ep"]])
def test_milestones_that_do_not_increase_are_refused(milestones):
    with pytest.raises(UserError, match=r"scheduler\.milestones=.* must increase"):
        multistep(TIMELINE, milestones=milestones)


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        (cosine, {"warmup": "12ep"}, r"scheduler\.warmup=12ep is 132 steps, and the training has 132"),
        (constant, {"warmup": "100%"}, r"scheduler\.warmup=100%"),
        (linear, {"warmup": "five"}, r"scheduler\.warmup='five' is not a duration"),
        (multistep, {"milestones": ["90"]}, r"scheduler\.milestones='90' is not a duration"),
        (step, {"every": "two"}, r"scheduler\.every='two' is not a duration"),
        (step, {"every": "0ep"}, r"scheduler\.every=0ep is no time"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(schedule, options, message):
    with pytest.raises(UserError, match=message):
        schedule(TIMELINE, **options)
