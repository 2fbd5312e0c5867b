from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from averages import ema_bank
from recipelab.loop.views import Views


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 10))


@pytest.fixture
def views(model):
    bank = ema_bank(model, 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    model[1].num_batches_tracked += 3
    bank.update()
    return Views(model, bank)


def test_the_twin_is_in_evaluation_mode_and_the_model_stays_in_training_mode(model, views):
    model.train()
    for name in views.names:
        assert not any(module.training for module in views.load(name).modules())
    assert all(module.training for module in model.modules())


def test_evaluating_a_view_changes_nothing_of_the_model(model, views):
    before = copy.deepcopy(model.state_dict())
    for name in views.names:
        views.load(name)(torch.randn(8, 1, 8, 8))
    views.norms()
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_each_view_has_its_own_weights_and_the_models_counters(model, views):
    assert views.names == ["raw", "ema_0.5"]
    raw, average = (copy.deepcopy(views.load(name).state_dict()) for name in views.names)
    for name, value in model.named_parameters():
        assert torch.equal(raw[name], value)
        torch.testing.assert_close(average[name], value - 0.5)
    assert raw["1.num_batches_tracked"] == average["1.num_batches_tracked"] == 3


def test_weights_are_a_copy_that_goes_back_in(model, views):
    kept = {name: views.weights(name) for name in views.names}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    twin = views.load_state(kept["ema_0.5"])
    for key, value in twin.state_dict().items():
        assert torch.equal(value, kept["ema_0.5"][key])
    assert float(kept["raw"]["4.weight"].abs().sum()) > 0
    with pytest.raises(KeyError, match="ema_0.9"):
        views.weights("ema_0.9")


def test_a_checkpoint_holds_each_average_once(model, views):
    """As a view and as a row of the bank, in one piece of memory, and equal to what is evaluated."""
    kept = views.averages()
    for key, value in views.weights("ema_0.5").items():
        assert torch.equal(kept["views"]["ema_0.5"][key], value)
    row = kept["bank"]["rows"]["ema_0.5"][0]
    assert kept["views"]["ema_0.5"]["4.weight"].untyped_storage().data_ptr() == row.untyped_storage().data_ptr()
    assert Views(model).averages() == {"views": {}, "bank": None}


def test_an_exception_while_an_average_is_evaluated_leaves_the_model_alone(model, views):
    """The peers that swap averages into the model train on with them when an evaluation fails."""
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RuntimeError, match="shapes"):
        views.load("ema_0.5")(torch.zeros(2, 1, 4, 4))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(views.load("raw")[0].weight, model[0].weight)


def test_statistics_are_recomputed_once_for_the_weights_of_a_step(model):
    calls = []

    def recompute(twin):
        calls.append(twin[0].weight.clone())
        return {"1.running_mean": torch.full((4,), float(len(calls)))} if len(calls) != 2 else None

    views = Views(model, ema_bank(model, 0.5, 0.9), recompute=recompute)
    views.load("raw")
    assert not calls
    assert views.averages()["views"] == {}  # not evaluated since the last step, so not whole
    views.load("ema_0.5")
    assert torch.equal(views.load("ema_0.5")[1].running_mean, torch.ones(4))
    assert len(calls) == 1
    views.load("ema_0.9")  # stopped on the way
    assert set(views.averages()["views"]) == {"ema_0.5"}
    views.bank.update()
    assert not views.whole("ema_0.5")
    assert torch.equal(views.weights("ema_0.5")["1.running_mean"], model[1].running_mean)
    assert len(calls) == 3
    assert torch.equal(views.averages()["views"]["ema_0.5"]["1.running_mean"], torch.full((4,), 3.0))


def test_norms_are_over_parameters(views):
    raw, average = (
        torch.cat([p.detach().double().flatten() for p in views.load(name).parameters()]) for name in views.names
    )
    assert views.norms() == pytest.approx(
        {
            "weight_norm": raw.norm().item(),
            "ema_0.5_weight_norm": average.norm().item(),
            "ema_0.5_distance": (average - raw).norm().item(),
        }
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_found(model, views, value):
    assert views.finite()
    with torch.no_grad():
        model[4].bias[3] = value
    assert not views.finite()
