"""Clipping against the formulas, by value and unit by unit; the global norm is tested with the step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recipelab.optim.clipping import Clip


def network() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape)
    return model


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters()]


def test_by_value_every_entry_is_within_the_limit():
    model = network()
    before = gradients(model)
    Clip(model, 0.5, "value")()
    for found, old in zip(gradients(model), before, strict=True):
        assert torch.equal(found, old.clamp(-0.5, 0.5))
    assert max(float(g.abs().max()) for g in before) > 0.5


@pytest.mark.parametrize("limit", [0.01, 0.5, 100.0])
def test_adaptive_clips_each_unit_by_the_norm_of_its_weights_and_leaves_the_head_alone(limit):
    model = network()
    before = gradients(model)
    Clip(model, limit, "adaptive")()
    head = list(model[-1].parameters())
    for parameter, old in zip(model.parameters(), before, strict=True):
        if any(parameter is p for p in head):
            assert torch.equal(parameter.grad, old)
            continue
        units = (
            list(zip(parameter.detach(), old, parameter.grad, strict=True))
            if parameter.ndim > 1
            else [(parameter.detach(), old, parameter.grad)]
        )
        for weights, gradient, found in units:
            most = limit * max(float(weights.norm()), 1e-3)
            expected = gradient * min(1.0, most / max(float(gradient.norm()), 1e-6))
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_frozen_parameters_are_no_part_of_the_norm():
    model = network()
    model[0].weight.requires_grad_(False)
    before = gradients(model)
    Clip(model, 1.0)()
    assert torch.equal(model[0].weight.grad, before[0])
    total = torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]).norm()
    assert float(total) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("mode", ["value", "adaptive"])
def test_a_run_clips_as_it_is_told(train_tiny, mode):
    losses = [
        train_tiny("trainer.epochs=1", f"trainer.gradient_clip={limit}", f"trainer.gradient_clip_mode={mode}").metrics
        for limit in (1e-4, 1e4)
    ]
    assert losses[0][-1]["train_loss"] > losses[1][-1]["train_loss"]
