"""Recomputed batch statistics against torch.optim.swa_utils.update_bn."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from recipelab.loop.batch_statistics import Recomputed, trained_norms


def network(dropout=0.0):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(4, 3, 3)]
    return nn.Sequential(*layers, nn.BatchNorm2d(3, momentum=0.3), nn.InstanceNorm2d(3, track_running_stats=True))


@pytest.fixture
def seen(batches):
    return batches(5)


def twin_of(model):
    """An average of it: other weights, in eval mode."""
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.1)
    return twin


def test_they_are_those_of_update_bn(device, seen):
    model = network()
    twin = twin_of(model)
    other = copy.deepcopy(twin)
    found = Recomputed(model, lambda: seen, device=device, base=1)(twin)
    instance = copy.deepcopy(other[6].state_dict())
    update_bn([batch.images for batch in seen], other)
    other[6].load_state_dict(instance)
    assert set(found) == {
        f"{i}.{key}" for i in (1, 5) for key in ("running_mean", "running_var", "num_batches_tracked")
    }
    for key in found:
        assert torch.equal(found[key], other.state_dict()[key]), key
        assert torch.equal(found[key], twin.state_dict()[key]), key


def test_the_trained_model_is_not_touched_and_the_twin_is_left_as_it_was(device, seen):
    model = network()
    model[5].eval()  # frozen
    twin, before = twin_of(model), copy.deepcopy(model.state_dict())
    kept = copy.deepcopy(twin[5].state_dict())
    assert trained_norms(model) == ["1"]
    Recomputed(model, lambda: seen, device=device, base=1)(twin)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(torch.equal(value, kept[key]) for key, value in twin[5].state_dict().items())
    assert not any(module.training for module in twin.modules())
    assert (twin[1].momentum, twin[5].momentum) == (0.1, 0.3)


def test_draws_inside_a_forward_are_the_batchs(device, seen):
    model = network(dropout=0.5)
    found = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        found.append(Recomputed(model, lambda: seen, device=device, base=3)(twin_of(model)))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
    other = Recomputed(model, lambda: seen, device=device, base=4)(twin_of(model))
    assert not torch.equal(found[0]["5.running_mean"], other["5.running_mean"])


def test_a_stop_on_the_way_gives_nothing_and_an_error_leaves_the_twin_in_eval_mode(device, seen):
    model = network()
    calls = iter([False, False, True])
    assert Recomputed(model, lambda: seen, device=device, base=1, stopped=lambda: next(calls))(twin_of(model)) is None

    def failing():
        yield seen[0]
        raise OSError("gone")

    twin = twin_of(model)
    with pytest.raises(OSError, match="gone"):
        Recomputed(model, failing, device=device, base=1)(twin)
    assert not any(module.training for module in twin.modules())
    assert twin[1].momentum == 0.1


def test_without_batch_norm_no_batch_is_read(device):
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert Recomputed(model, lambda: pytest.fail("read"), device=device, base=1)(twin_of(model)) == {}
