"""The bank against one average at a time, tensor by tensor, and against the formula in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from recipelab.averaging.bank import Bank

DECAYS = [0.0, 0.5, 0.9, 0.99, 0.9995]
STEPS = 60


class Network(nn.Module):
    """Parameters of several shapes and layouts, one not trained, one used twice; float and integer buffers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm2d(5)
        self.scalar = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.again = self.scalar
        self.register_buffer("table", torch.arange(4))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Network()


def walk(model, steps=STEPS):
    """Moves every float tensor of the model by noise, in place as an optimizer does, and counts the integer ones up."""
    source = torch.Generator().manual_seed(1)
    for _ in range(steps):
        with torch.no_grad():
            for value in model.state_dict().values():
                if value.is_floating_point():
                    value.add_(0.1 * torch.randn(value.shape, generator=source))
                else:
                    value.add_(1)
        yield


def view(bank, model, name):
    twin = copy.deepcopy(model)
    bank.copy_into(name, twin)
    return twin.state_dict()


def test_names_carry_the_decay(model):
    assert Bank(model, [0.9, 0.9995]).names == ["ema_0.9", "ema_0.9995"]


def test_averages_start_as_the_initial_weights(model):
    bank = Bank(model, DECAYS)
    for name in bank.names:
        for key, value in view(bank, model, name).items():
            assert torch.equal(value, model.state_dict()[key])


def test_the_bank_is_a_plain_lerp_of_every_tensor_bit_by_bit(model):
    """The twin: torch._foreach_lerp_ over separate copies, one average at a time, as timm's ModelEmaV3 does it."""
    bank = Bank(model, DECAYS)
    floats = [key for key, value in model.state_dict().items() if value.is_floating_point()]
    averages = [[model.state_dict()[key].clone() for key in floats] for _ in DECAYS]
    for _ in walk(model):
        bank.update()
        for decay, average in zip(DECAYS, averages, strict=True):
            weight = torch.tensor(1.0 - decay, dtype=torch.float32).item()
            torch._foreach_lerp_(average, [model.state_dict()[key] for key in floats], weight)
    for name, average in zip(bank.names, averages, strict=True):
        found = view(bank, model, name)
        for key, expected in zip(floats, average, strict=True):
            assert torch.equal(found[key], expected), (name, key)


def test_the_bank_is_the_formula_in_float64(model):
    bank = Bank(model, DECAYS)
    key = "conv.weight"
    averages = [model.state_dict()[key].double() for _ in DECAYS]
    for _ in walk(model):
        bank.update()
        now = model.state_dict()[key].double()
        averages = [decay * average + (1 - decay) * now for decay, average in zip(DECAYS, averages, strict=True)]
    for name, expected in zip(bank.names, averages, strict=True):
        torch.testing.assert_close(view(bank, model, name)[key].double(), expected, rtol=0, atol=1e-6)


def test_integer_buffers_are_the_models_own(model):
    bank = Bank(model, [0.9])
    for _ in walk(model, 7):
        bank.update()
    assert torch.equal(view(bank, model, "ema_0.9")["table"], torch.arange(4) + 7)
    assert view(bank, model, "ema_0.9")["norm.num_batches_tracked"] == 7


def test_float_buffers_are_averaged(model):
    bank = Bank(model, [0.5])
    with torch.no_grad():
        model.norm.running_mean.fill_(4.0)
    bank.update()
    assert torch.equal(view(bank, model, "ema_0.5")["norm.running_mean"], torch.full((5,), 2.0))


def test_a_buffer_that_a_module_replaces_is_followed(model):
    """self.buffer = new is common in modules; the average must not go on with the tensor that was there before."""
    bank = Bank(model, [0.5])
    model.norm.running_mean = torch.full((5,), 4.0)
    bank.update()
    assert torch.equal(view(bank, model, "ema_0.5")["norm.running_mean"], torch.full((5,), 2.0))


def test_the_model_is_neither_changed_nor_aliased(model):
    before = copy.deepcopy(model.state_dict())
    pointers = {key: value.data_ptr() for key, value in model.state_dict().items()}
    bank = Bank(model, DECAYS)
    bank.update()
    bank.averages.zero_()
    bank.flat.zero_()
    assert {key: value.data_ptr() for key, value in model.state_dict().items()} == pointers
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
        assert value.is_contiguous(memory_format=torch.channels_last) or key != "conv.weight"


def test_going_on_from_a_checkpoint_changes_no_bit(model):
    other = copy.deepcopy(model)
    whole, first = Bank(model, DECAYS), Bank(other, DECAYS)
    for _ in walk(model):
        whole.update()
    for step, _ in enumerate(walk(other)):
        if step == STEPS // 2:
            views = {name: view(first, other, name) for name in first.names}
            first = Bank(other, DECAYS)
            first.load_state(views)
        first.update()
    assert torch.equal(whole.averages, first.averages)
