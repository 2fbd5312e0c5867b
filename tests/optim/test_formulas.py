"""The adaptive optimizers against their papers' formulas, in float64; Muon against what it promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.optim.adam import adam
from recipelab.optim.lamb import lamb
from recipelab.optim.lion import lion
from recipelab.optim.madgrad import madgrad
from recipelab.optim.muon import muon
from recipelab.optim.nadam import nadam
from recipelab.optim.rmsprop import rmsprop, rmsprop_tf
from recipelab.optim.schedule_free import schedule_free_adamw, schedule_free_sgd
from recipelab.testing import check_optimizer

STEPS, LR, DECAY = 20, 0.02, 0.1
SHAPES = [(4, 3, 3, 3), (4,), (7, 5)]
Formula = Callable[[torch.Tensor, Callable[[torch.Tensor, int], torch.Tensor]], torch.Tensor]


def weights() -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in SHAPES]


def gradient(w: torch.Tensor, step: int) -> torch.Tensor:
    """A gradient that depends on where it is taken, as schedule-free's must, and on the step."""
    draw = torch.Generator().manual_seed(100 + step)
    return torch.randn(w.shape, generator=draw).to(w.dtype) + 0.3 * w


def plain_adam(w, g):
    m = v = torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t) + DECAY * w
        m, v = 0.8 * m + 0.2 * grad, 0.95 * v + 0.05 * grad**2
        w = w - LR * (m / (1 - 0.8**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-6)
    return w


def plain_nadam(w, g):
    m = v = torch.zeros_like(w)
    product = 1.0
    for t in range(1, STEPS + 1):
        grad = g(w, t) + DECAY * w
        now, later = (0.8 * (1 - 0.5 * 0.96 ** (s * 4e-3)) for s in (t, t + 1))
        product *= now
        m, v = 0.8 * m + 0.2 * grad, 0.95 * v + 0.05 * grad**2
        mean = later * m / (1 - product * later) + (1 - now) * grad / (1 - product)
        w = w - LR * mean / ((v / (1 - 0.95**t)).sqrt() + 1e-6)
    return w


def plain_rmsprop(w, g):
    v = momentum = torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t) + DECAY * w
        v = 0.9 * v + 0.1 * grad**2
        momentum = 0.7 * momentum + grad / (v.sqrt() + 1e-6)
        w = w - LR * momentum
    return w


def plain_rmsprop_tf(w, g):
    v, momentum = torch.ones_like(w), torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t) + DECAY * w
        v = 0.9 * v + 0.1 * grad**2
        momentum = 0.7 * momentum + LR * grad / (v + 1e-6).sqrt()
        w = w - momentum
    return w


def plain_madgrad(w, g):
    start, s, v = w, torch.zeros_like(w), torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t) + DECAY * w
        rate = (LR + 1e-6) * t**0.5
        s, v = s + rate * grad, v + rate * grad**2
        w = 0.7 * w + 0.3 * (start - s / (v ** (1 / 3) + 1e-6))
    return w


def plain_lion(w, g):
    m = torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t)
        w = w * (1 - LR * DECAY) - LR * (0.8 * m + 0.2 * grad).sign()
        m = 0.95 * m + 0.05 * grad
    return w


def plain_lamb(w, g):
    m = v = torch.zeros_like(w)
    for t in range(1, STEPS + 1):
        grad = g(w, t)
        m, v = 0.8 * m + 0.2 * grad, 0.95 * v + 0.05 * grad**2
        r = (m / (1 - 0.8**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-6) + DECAY * w
        w = w - LR * w.norm() / r.norm() * r
    return w


ADAM = {"betas": [0.8, 0.95], "eps": 1e-6}
FORMULAS = {
    "adam": (adam, ADAM, plain_adam),
    "adam unfused": (adam, {**ADAM, "fused": False}, plain_adam),
    "nadam": (nadam, ADAM, plain_nadam),
    "rmsprop": (rmsprop, {"alpha": 0.9, "momentum": 0.7, "eps": 1e-6}, plain_rmsprop),
    "rmsprop_tf": (rmsprop_tf, {"alpha": 0.9, "momentum": 0.7, "eps": 1e-6}, plain_rmsprop_tf),
    "madgrad": (madgrad, {"momentum": 0.7}, plain_madgrad),
    "lion": (lion, {"betas": [0.8, 0.95]}, plain_lion),
    "lamb": (lamb, ADAM, plain_lamb),
}
ALL = (adam, nadam, rmsprop, rmsprop_tf, madgrad, lion, lamb, muon, schedule_free_sgd, schedule_free_adamw)


@pytest.mark.parametrize("name", FORMULAS)
def test_it_is_the_papers_formula(name):
    build, options, formula = FORMULAS[name]
    params = weights()
    optimizer = build(params, lr=LR, weight_decay=DECAY, **options)
    for step in range(1, STEPS + 1):
        for param in params:
            param.grad = gradient(param.detach(), step)
        optimizer.step()
    for param, start in zip(params, weights(), strict=True):
        expected = formula(start.detach().double(), gradient)
        torch.testing.assert_close(param.detach().double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", ALL, ids=lambda build: build.__name__)
def test_the_contract_of_an_optimizer(build):
    check_optimizer(lambda params: build(params, lr=1e-2))


@pytest.mark.parametrize("build", ALL, ids=lambda build: build.__name__)
def test_groups_keep_their_own_options_and_nothing_to_train_is_refused(build):
    one, two, three = weights()
    found = build([{"params": [one, two]}, {"params": [three], "weight_decay": 0.0, "lr": 0.3}], lr=0.2)
    assert [(g["lr"], g["weight_decay"] == 0.0 and i == 1) for i, g in enumerate(found.param_groups)][1] == (0.3, True)
    assert found.param_groups[0]["lr"] == 0.2
    with pytest.raises(UserError, match="no parameters to train"):
        build([])


@pytest.mark.parametrize(("nesterov", "first"), [(False, 1.0), (True, 1.9)])  # Adam's first step, and NAdam's
def test_muon_steps_by_a_nearly_orthogonal_matrix_and_leaves_vectors_to_adamw(nesterov, first):
    matrix, vector = torch.randn(16, 24).requires_grad_(), torch.randn(8).requires_grad_()
    before = [matrix.detach().clone(), vector.detach().clone()]
    optimizer = muon([matrix, vector], lr=0.1, companion_lr=0.01, nesterov=nesterov)
    for param in (matrix, vector):
        param.grad = torch.randn(param.shape)
    optimizer.step()
    stretches = torch.linalg.svdvals((matrix.detach() - before[0]) / 0.1)
    assert bool(((stretches > 0.5) & (stretches < 1.5)).all())  # the quintic iteration's published band
    step = (before[1] - vector.detach()) / 0.01
    torch.testing.assert_close(step, first * vector.grad.sign(), rtol=1e-4, atol=1e-4)


def test_muon_follows_the_schedule_with_both_its_rates():
    moved = []
    for factor in (1.0, 0.5):
        matrix, vector = torch.ones(8, 8).requires_grad_(), torch.ones(8).requires_grad_()
        optimizer = muon([matrix, vector], lr=0.1)
        optimizer.param_groups[0]["lr"] = 0.1 * factor
        matrix.grad, vector.grad = torch.eye(8), torch.ones(8)
        optimizer.step()
        moved.append([float((1 - p.detach()).norm()) for p in (matrix, vector)])
    assert moved[1] == pytest.approx([value / 2 for value in moved[0]], rel=1e-3)
