import copy

import torch
from torch import nn

from recipelab.models.stage import Stage
from recipelab.models.techniques import ShakeDrop


def block() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), ShakeDrop(0.5))


def test_recomputing_changes_no_bit_of_gradients_statistics_and_later_draws():
    torch.manual_seed(0)
    plain = Stage(block(), block())
    again = Stage(*copy.deepcopy(list(plain)), recompute=True)
    found = []
    for stage in (plain, again):
        x = torch.ones(3, 4, 5, 5, requires_grad=True)
        torch.manual_seed(2)
        stage(x).square().sum().backward()
        found.append([x.grad, torch.rand(3), *(p.grad for p in stage.parameters()), *stage.buffers()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert found[0][-1] == 1  # batches counted once


def test_nothing_is_recomputed_without_a_gradient():
    calls = []
    stage = Stage(nn.Identity(), recompute=True)
    stage[0].register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        stage(torch.ones(1))
    assert calls == [1]


def test_names_and_slices_are_those_of_a_sequence():
    stage = Stage(nn.Linear(2, 2), nn.ReLU())
    assert list(stage.state_dict()) == ["0.weight", "0.bias"]
    assert len(stage[:1]) == 1
