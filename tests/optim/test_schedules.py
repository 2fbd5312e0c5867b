"""Every schedule against torch's schedulers and against the published formula in plain Python, at every step."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.optim.schedules.constant import constant
from recipelab.optim.schedules.cosine import cosine
from recipelab.optim.schedules.cosine_restarts import cosine_restarts
from recipelab.optim.schedules.linear import linear
from recipelab.optim.schedules.multistep import multistep
from recipelab.optim.schedules.one_cycle import one_cycle
from recipelab.optim.schedules.polynomial import polynomial
from recipelab.optim.schedules.step import step
from recipelab.optim.schedules.swa import swa
from recipelab.optim.schedules.warmup_stable_decay import warmup_stable_decay

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


@pytest.mark.parametrize("epochs", [4, 5, 6, 7, 9, 10, 11, 30, 197, 200])
def test_by_epochs_a_share_is_whole_epochs_rounded_down(epochs):
    """A tenth every E // 4 epochs, and at E // 2 and 3 * E // 4, as trainings that count in epochs have it."""
    timeline = Timeline(steps_per_epoch=7, total_steps=7 * epochs)
    found = step(timeline, every="25%", gamma=0.1, interval="epoch")
    expected = by_torch(lambda o: lr_scheduler.StepLR(o, epochs // 4, gamma=0.1), epochs)
    np.testing.assert_allclose(found, np.repeat(expected, 7), rtol=1e-12)
    found = multistep(timeline, milestones=["50%", "75%"], interval="epoch")
    expected = by_torch(lambda o: lr_scheduler.MultiStepLR(o, [epochs // 2, 3 * epochs // 4], gamma=0.1), epochs)
    np.testing.assert_allclose(found, np.repeat(expected, 7), rtol=1e-12)


def test_by_epochs_a_share_of_a_few_epochs_is_at_least_one():
    found = step(Timeline(steps_per_epoch=3, total_steps=9), every="25%", gamma=0.1, interval="epoch")
    np.testing.assert_allclose(found, np.repeat([1.0, 0.1, 0.01], 3))
    half = multistep(Timeline(steps_per_epoch=4, total_steps=10), milestones=["50%"], interval="epoch")
    np.testing.assert_allclose(half, [1.0] * 4 + [0.1] * 6)  # 2.5 epochs, of which one is half


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


def first(s: int, w: int, after: float) -> float:
    return (s + 1) / (w + 1) if s < w else after


@pytest.mark.parametrize("warmup", ["1st", "13st", "2ep"])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_warm_up_from_its_first_step(name, warmup):
    schedule, options, formula = FORMULAS[name]
    w = TIMELINE.steps(warmup)
    found = schedule(TIMELINE, warmup=warmup, warmup_start="first", **options)
    np.testing.assert_allclose(found, [first(s, w, formula(s, w)) for s in range(TOTAL)], rtol=1e-12)


def test_by_epochs_a_warm_up_is_that_of_many_cifar_trainings():
    """lr (e + 1) / (W + 1) in epoch e below W, then a cosine over the E - W epochs that are left."""
    found = cosine(TIMELINE, warmup="4ep", interval="epoch", warmup_start="first").reshape(EPOCHS, PER_EPOCH)
    expected = [(e + 1) / 5 if e < 4 else (1 + math.cos(math.pi * (e - 4) / 8)) / 2 for e in range(EPOCHS)]
    np.testing.assert_allclose(found, np.repeat(np.array(expected)[:, None], PER_EPOCH, axis=1), rtol=1e-12)


@pytest.mark.parametrize(("minimum", "cycles"), [(0.0, 0.5), (0.1, 0.5), (0.25, 1.5)])
def test_cosine_to_a_minimum(minimum, cycles):
    found = cosine(TIMELINE, minimum=minimum, cycles=cycles)
    expected = [minimum + (1 - minimum) * (1 + math.cos(2 * math.pi * cycles * s / TOTAL)) / 2 for s in range(TOTAL)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if cycles == 0.5:
        by = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.1 * minimum), TOTAL)
        np.testing.assert_allclose(found, by, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("period", "growth", "minimum"), [("10st", 1, 0.0), ("7st", 2, 0.0), ("1ep", 3, 0.1)])
def test_cosine_restarts_is_torchs(period, growth, minimum):
    found = cosine_restarts(TIMELINE, period=period, growth=growth, minimum=minimum)

    def build(o):
        first = TIMELINE.steps(period)
        return lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=first, T_mult=growth, eta_min=0.1 * minimum)

    np.testing.assert_allclose(found, by_torch(build, TOTAL), rtol=1e-9, atol=1e-12)
    later = cosine_restarts(TIMELINE, period=period, growth=growth, minimum=minimum, warmup="5st")
    np.testing.assert_allclose(later[5:], found[: TOTAL - 5], rtol=1e-12)


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0])
def test_polynomial_is_torchs(power):
    by = by_torch(lambda o: lr_scheduler.PolynomialLR(o, total_iters=TOTAL, power=power), TOTAL)
    np.testing.assert_allclose(polynomial(TIMELINE, power=power), by, rtol=1e-9)
    found = polynomial(TIMELINE, power=power, minimum=0.2, warmup="2ep")
    expected = [warm(s, 22, 0.2 + 0.8 * ((TOTAL - s) / (TOTAL - 22)) ** power) for s in range(TOTAL)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_one_cycle_is_torchs_with_its_momentum(anneal, share):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=0.1,
        total_steps=TOTAL,
        pct_start=share,
        anneal_strategy="cos" if anneal == "cosine" else anneal,
    )
    expected = []
    for _ in range(TOTAL):
        expected.append([optimizer.param_groups[0]["lr"] / 0.1, optimizer.param_groups[0]["momentum"]])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its last call is beyond the end
            scheduler._step_count = 1
            if len(expected) < TOTAL:
                scheduler.step()
    np.testing.assert_allclose(one_cycle(TIMELINE, warmup_share=share, anneal=anneal), expected, rtol=1e-9, atol=1e-12)
    alone = one_cycle(TIMELINE, warmup_share=share, anneal=anneal, cycle_momentum=False)
    np.testing.assert_allclose(alone, np.array(expected)[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("total", [1, 2, 3, 5])
def test_one_cycle_of_a_few_steps(total):
    found = one_cycle(Timeline(steps_per_epoch=1, total_steps=total))
    assert found.shape == (total, 2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("shape", ["one_minus_sqrt", "linear", "cosine"])
def test_warmup_stable_decay_is_its_three_parts(shape):
    fall = {
        "one_minus_sqrt": lambda p: 1 - math.sqrt(p),
        "linear": lambda p: 1 - p,
        "cosine": lambda p: (1 + math.cos(math.pi * p)) / 2,
    }[shape]
    found = warmup_stable_decay(TIMELINE, decay="25%", shape=shape, warmup="1ep", minimum=0.1)
    start = TOTAL - 33
    expected = [s / 11 if s < 11 else 0.1 + 0.9 * fall(max(0, s - start) / 33) for s in range(TOTAL)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        (cosine_restarts, {"period": "0ep"}, r"scheduler\.period=0ep is no time"),
        (warmup_stable_decay, {"decay": "60%", "warmup": "50%"}, "are longer than the training of 132 steps"),
    ],
)
def test_what_the_others_refuse(schedule, options, message):
    with pytest.raises(UserError, match=message):
        schedule(TIMELINE, **options)


def by_the_authors(epoch: float, start: float, ratio: float) -> float:
    """The rule of timgaripov/swa's train.py in words: half, then down to nine tenths, then the averaging rate."""
    t = epoch / start
    return 1.0 if t <= 0.5 else 1.0 - (1.0 - ratio) * (t - 0.5) / 0.4 if t <= 0.9 else ratio


def test_swa_is_the_authors_schedule():
    found = swa(TIMELINE, start="8ep", factor=0.2, interval="epoch")
    expected = [by_the_authors(s // PER_EPOCH, 8, 0.2) for s in range(TOTAL)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = swa(TIMELINE)
    np.testing.assert_allclose(found, [by_the_authors(s, 0.75 * TOTAL, 0.5) for s in range(TOTAL)], rtol=1e-12)


def test_swa_in_cycles_ends_each_where_weights_are_averaged():
    from recipelab.averaging.clock import Clock
    from recipelab.averaging.swa import Swa

    found = swa(TIMELINE, start="8ep", factor=0.5, cycle="2ep", low=0.1)
    np.testing.assert_allclose(found[88:110], 0.5 - 0.4 * np.arange(1, 23) / 22)
    np.testing.assert_allclose(found[110:], found[88:110])
    taken = Swa(start="8ep", every="2ep").weights(Clock.of(TIMELINE))
    np.testing.assert_allclose(found[np.flatnonzero(taken[88:]) + 88], 0.1)
    for options in ({"cycle": "2ep"}, {"low": 0.1}):
        with pytest.raises(UserError, match="go together"):
            swa(TIMELINE, **options)
