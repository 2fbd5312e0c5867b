"""Schedule-free against the paper's three sequences; what is evaluated and kept is x, what trains is y."""

from __future__ import annotations

import copy

import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.loop.load_run import load_run
from recipelab.loop.views import Views
from recipelab.optim.schedule_free import ScheduleFree, schedule_free_adamw, schedule_free_sgd

LRS = [0.0, 0.05, 0.1, 0.1, 0.05, 0.1, 0.1, 0.1]  # a warm-up from nothing, and a dip
DECAY, BETA, BETA2, EPS = 0.1, 0.8, 0.95, 1e-6


def weights() -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in [(4, 3), (5,)]]


def gradient(y: torch.Tensor, step: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(y.shape, generator=draw).to(y.dtype) + y


def paper(start: torch.Tensor, adaptive: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(x, y) after the last step, by equations 3 to 5 and algorithm 1, in float64."""
    x = y = z = start.detach().double()
    square, largest, total = torch.zeros_like(x), 0.0, 0.0
    for t, lr in enumerate(LRS, start=1):
        g = gradient(y, t)
        if adaptive:
            square = BETA2 * square + (1 - BETA2) * g**2
            g = g / ((square / (1 - BETA2**t)).sqrt() + EPS)
        z = z - lr * (g + DECAY * y)
        largest = max(largest, lr)
        total += largest**2
        c = largest**2 / total if total else 0.0
        x = (1 - c) * x + c * z
        y = (1 - BETA) * z + BETA * x
    return x, y


def build(params: list[torch.Tensor], adaptive: bool) -> ScheduleFree:
    if adaptive:
        return schedule_free_adamw(params, betas=[BETA, BETA2], eps=EPS, weight_decay=DECAY)
    return schedule_free_sgd(params, momentum=BETA, weight_decay=DECAY)


def advance(optimizer: ScheduleFree, params: list[torch.Tensor], steps: range) -> None:
    for step in steps:
        optimizer.param_groups[0]["lr"] = LRS[step - 1]
        for param in params:
            param.grad = gradient(param.detach(), step)
        optimizer.step()


@pytest.mark.parametrize("adaptive", [False, True])
def test_it_is_the_papers_three_sequences(adaptive):
    params = weights()
    optimizer = build(params, adaptive)
    advance(optimizer, params, range(1, len(LRS) + 1))
    for param, shown, start in zip(params, optimizer.evaluation_weights(params), weights(), strict=True):
        x, y = paper(start, adaptive)
        torch.testing.assert_close(param.detach().double(), y, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(shown.detach().double(), x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("adaptive", [False, True])
def test_its_state_brings_y_back_to_the_bit_though_the_weights_kept_are_x(adaptive):
    params = weights()
    optimizer = build(params, adaptive)
    advance(optimizer, params, range(1, 5))
    state = copy.deepcopy(optimizer.state_dict())
    others = [x.detach().clone().requires_grad_() for x in optimizer.evaluation_weights(params)]
    resumed = build(others, adaptive)
    resumed.load_state_dict(state)
    advance(optimizer, params, range(5, 9))
    advance(resumed, others, range(5, 9))
    assert all(torch.equal(a, b) for a, b in zip(params, others, strict=True))


def test_the_raw_view_is_x_and_looking_at_it_changes_nothing():
    model = torch.nn.Linear(3, 4)
    optimizer = build(list(model.parameters()), adaptive=False)
    views = Views(model, None, optimizer.evaluation_weights)
    assert torch.equal(views.load("raw").weight, model.weight)  # before the first step x is y
    advance(optimizer, list(model.parameters()), range(1, 7))
    before = copy.deepcopy(model.state_dict())
    x = optimizer.evaluation_weights(model.parameters())
    twin = views.load("raw")
    assert torch.equal(twin.weight, x[0])
    assert torch.equal(views.weights("raw")["bias"], x[1])
    assert not torch.equal(twin.weight, model.weight)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_run_records_and_evaluates_x(train_tiny):
    run = train_tiny("optimizer=schedule_free_sgd", "optimizer.lr=0.5", "scheduler=constant", "scheduler.warmup=3st")
    kept = torch.load(run.path / "checkpoints" / "last.pt", weights_only=True)
    state = kept["optimizer"]["state"]
    x = [torch.lerp(s["y"], s["z"], 1 - 1 / 0.9) for s in state.values()]
    found = [kept["model"][name] for name in kept["model"] if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(a, b) for a, b in zip(x, found, strict=True))
    model = load_run(run.path, config_dir=run.config_dir).model(checkpoint="last", view="raw")
    assert torch.equal(next(model.parameters()), x[0])


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_an_x_that_could_not_be_told_is_refused(beta):
    with pytest.raises(ValueError, match="weight of x in y"):
        schedule_free_adamw(weights(), betas=[beta, 0.9])
    with pytest.raises(UserError, match="no parameters to train"):
        schedule_free_sgd([])
