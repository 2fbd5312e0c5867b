"""The bank against one average at a time, tensor by tensor, and against the peers."""

from __future__ import annotations

import copy
import itertools
import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from averages import EPOCH, Network, bank_of, clock, ema_bank, walk
from ranks import averaged, on_two
from recipelab.averaging.bank import EPOCH_MEAN, Bank
from recipelab.averaging.ema import Ema
from recipelab.averaging.epoch_mean import epoch_mean_weights
from recipelab.averaging.last_k import LastK
from recipelab.averaging.swa import Swa

STEPS = 200
KINDS = {
    "ema_0": Ema(decay=0.0),
    "ema_0.9": Ema(decay=0.9),
    "default": Ema(),
    "half_life": Ema(half_life="2ep"),
    "window": Ema(window="3%"),
    "late": Ema(decay=0.99, start="3ep"),
    "timm": Ema(decay=0.9995, warmup="timm"),
    "tf": Ema(decay=0.999, warmup="tf"),
    "debiased": Ema(decay=0.9997, debias=True),
    "seldom": Ema(decay=0.9, interval=7),
    "seldom_debiased_late": Ema(decay=0.99, interval=3, debias=True, start="25st"),
    "swa": Swa(),
    "swa_steps": Swa(start="50st", every="3st"),
    "last_3": LastK(k=3),
    "last_20": LastK(k=20, every="5st"),
}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Network()


def view(bank, model, name):
    twin = copy.deepcopy(model)
    bank.copy_into(name, twin)
    return twin.state_dict()


class Plain:
    """The twin: separate copies of every tensor, one average at a time, by torch._foreach_lerp_ as timm's V3 does."""

    def __init__(self, model, weights, statistics=True):
        self.model, self.weights = model, np.atleast_2d(weights).astype(np.float32)
        self.keys = [k for k, _ in model.named_parameters()]
        self.keys += ["norm.running_mean", "norm.running_var"] if statistics else []
        self.rows = [self._now() for _ in self.weights]
        self.written = [False] * len(self.rows)
        self.step = 0

    def _now(self):
        return [self.model.state_dict()[key].clone() for key in self.keys]

    def update(self):
        for index, weights in enumerate(self.weights):
            if weights[self.step]:
                torch._foreach_lerp_(self.rows[index], self._now(), float(weights[self.step]))
                self.written[index] = True
        self.step += 1

    def average(self):
        rows = list(itertools.compress(self.rows, self.written)) or self.rows[:1]
        if len(rows) == 1:
            return dict(zip(self.keys, rows[0], strict=True))
        return {key: sum(row[i] for row in rows) / len(rows) for i, key in enumerate(self.keys)}


@pytest.mark.parametrize("statistics", [True, False])
def test_every_kind_is_a_plain_lerp_of_every_tensor_bit_by_bit(model, statistics):
    bank = bank_of(model, KINDS, hidden={EPOCH_MEAN: epoch_mean_weights(clock().epoch_ends())}, statistics=statistics)
    plain = {name: Plain(model, kind.weights(clock()), statistics) for name, kind in KINDS.items()}
    plain[EPOCH_MEAN] = Plain(model, epoch_mean_weights(clock().epoch_ends()), statistics)
    for step, _ in enumerate(walk(model)):
        bank.update()
        for twin in plain.values():
            twin.update()
        if step % 37 == 0 or step == STEPS - 1:
            for name, twin in plain.items():
                found = bank.tensors(name)
                for key, expected in twin.average().items():
                    assert torch.equal(found[key], expected), (step, name, key)
                assert torch.equal(found["again"], found["scalar"])
    assert set(bank.names) == set(KINDS)


def relative(found, expected):
    """The distance of two state dicts' float tensors over the norm of the second."""
    keys = [key for key, value in expected.items() if value.is_floating_point() and value.isfinite().all()]
    a, b = (torch.cat([state[key].double().flatten() for key in keys]) for state in (found, expected))
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_the_peers_agree(dtype, bound):
    """timm's ModelEmaV2 and V3, torch's AveragedModel as EMA and as SWA."""
    from timm.utils.model_ema import ModelEmaV2, ModelEmaV3

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(32, 4)).to(dtype)
    ours = {
        "v2": Ema(decay=0.99),
        "v3": Ema(decay=0.99, warmup="timm", start="10st"),
        "averaged": Ema(decay=0.9, start="1st"),
        "swa": Swa(start="20st", every="20st"),
    }
    bank = bank_of(model, ours)
    v2, v3 = ModelEmaV2(model, decay=0.99), ModelEmaV3(model, decay=0.99, use_warmup=True, update_after_step=10)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    swa = AveragedModel(model, use_buffers=True)
    for step, _ in enumerate(walk(model), start=1):
        bank.update()
        v2.update(model)
        v3.update(model, step=step)
        averaged.update_parameters(model)
        if step % EPOCH == 0:
            swa.update_parameters(model)
    peers = {"v2": v2.module, "v3": v3.module, "averaged": averaged.module, "swa": swa.module}
    for name, peer in peers.items():
        assert relative(view(bank, model, name), peer.state_dict()) < bound, name


def test_averages_start_as_the_initial_weights(model):
    bank = bank_of(model, KINDS)
    for name in bank.names:
        for key, value in view(bank, model, name).items():
            assert torch.equal(value, model.state_dict()[key])


def test_the_last_k_are_the_mean_of_the_last_k_epochs(model):
    bank, ends = bank_of(model, {"last_3": LastK(k=3)}), []
    for step, _ in enumerate(walk(model), start=1):
        bank.update()
        if step % EPOCH == 0:
            ends.append(model.conv.weight.detach().clone())
        expected = torch.stack(ends[-3:]).mean(0) if ends else model.conv.weight
        torch.testing.assert_close(bank.tensors("last_3")["conv.weight"], expected, rtol=0, atol=1e-6)


def test_the_epoch_mean_is_the_mean_over_the_epoch_and_no_view(model):
    bank = bank_of(model, {}, hidden={EPOCH_MEAN: epoch_mean_weights(clock().epoch_ends())})
    seen = []
    for step, _ in enumerate(walk(model), start=1):
        bank.update()
        seen.append({key: value.clone() for key, value in model.state_dict().items()})
        if step % EPOCH == 0:
            found = bank.epoch_mean()
            for key in ("conv.weight", "again", "norm.running_var"):
                mean = torch.stack([state[key] for state in seen[-EPOCH:]]).mean(0)
                torch.testing.assert_close(found[key], mean, rtol=0, atol=1e-5)
            assert torch.equal(found["mask"], model.mask)
            assert "table" not in found
            assert found["conv.weight"].data_ptr() != bank.tensors(EPOCH_MEAN)["conv.weight"].data_ptr()
    assert bank.names == []


def test_buffers_that_are_no_running_statistics_are_the_models_own(model):
    bank = ema_bank(model, 0.9)
    for _ in walk(model, 7):
        bank.update()
    found = view(bank, model, "ema_0.9")
    assert torch.equal(found["table"], torch.arange(4) + 7)
    assert found["norm.num_batches_tracked"] == 7
    assert torch.equal(found["mask"], model.mask)


def test_the_vectors_of_spectral_normalisation_are_the_models_own():
    torch.manual_seed(0)
    new, old = nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm
    model = nn.Sequential(new(nn.Linear(4, 4)), old(nn.Linear(4, 4)))
    bank = ema_bank(model, 0.5)
    for _ in walk(model, 5):
        bank.update()
    found = view(bank, model, "ema_0.5")
    for key in [key for key in found if key.endswith(("_u", "_v"))]:
        assert torch.equal(found[key], model.state_dict()[key])
    for key in ("0.parametrizations.weight.original", "1.weight_orig"):
        assert not torch.equal(found[key], model.state_dict()[key])


@pytest.mark.parametrize("statistics", [True, False])
def test_running_statistics_are_averaged_or_copied(model, statistics):
    bank = bank_of(model, {"ema": Ema(decay=0.5)}, statistics=statistics)
    with torch.no_grad():
        model.norm.running_mean.fill_(4.0)
    bank.update()
    expected = torch.full((5,), 2.0 if statistics else 4.0)
    assert torch.equal(view(bank, model, "ema")["norm.running_mean"], expected)


def test_complex_parameters_are_averaged():
    model = nn.ParameterDict({"spectrum": nn.Parameter(torch.zeros(3, dtype=torch.complex64))})
    model["gain"] = nn.Parameter(torch.zeros(2))
    bank = ema_bank(model, 0.5)
    with torch.no_grad():
        model["spectrum"].fill_(4 + 2j)
    bank.update()
    expected = torch.full((3,), 2 + 1j)
    assert torch.equal(view(bank, model, "ema_0.5")["spectrum"], expected)
    assert torch.equal(bank.stored("ema_0.5", bank.state())["spectrum"], expected)


def test_a_tensor_that_is_replaced_is_followed(model):
    """self.buffer = new is common in modules, and load_state_dict(assign=True) gives a model new parameters."""
    bank = ema_bank(model, 0.5)
    model.norm.running_mean = torch.full((5,), 4.0)
    state = {key: torch.full_like(value, 3.0) for key, value in model.state_dict().items() if key == "frozen"}
    model.load_state_dict(state, strict=False, assign=True)
    bank.update()
    assert torch.equal(view(bank, model, "ema_0.5")["norm.running_mean"], torch.full((5,), 2.0))
    assert torch.equal(view(bank, model, "ema_0.5")["frozen"], torch.full((3,), 2.0))


@pytest.mark.parametrize("change", [torch.channels_last, torch.contiguous_format])
def test_a_memory_format_that_changes_later_is_followed(change):
    """.to(memory_format=...) leaves the parameter where it is and gives it other memory."""
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.contiguous_format)
    bank, twin = (ema_bank(m, 0.5) for m in (model, copy.deepcopy(model)))
    for step, (_, _) in enumerate(zip(walk(model, 6), walk(twin.model, 6), strict=True)):
        if step == 2:
            model.to(memory_format=change)
        if step == 4:
            model.weight.data = model.weight.data.clone()
        bank.update()
        twin.update()
    assert torch.equal(bank.tensors("ema_0.5")["weight"], twin.tensors("ema_0.5")["weight"])


def test_a_state_is_gone_on_with_in_another_memory_format():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, (2, 3))).to(memory_format=torch.channels_last)
    other = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    bank, plain = (bank_of(m, {"ema": Ema(decay=0.5), "last_2": LastK(k=2, every="3st")}) for m in (model, other))
    for _ in walk(model, 9):
        bank.update()
    state = bank.state()
    plain.load_state(state)
    for name in bank.names:
        for key, value in bank.tensors(name).items():
            assert torch.equal(value, plain.tensors(name)[key])
            assert torch.equal(value, bank.stored(name, state)[key])
            assert torch.equal(value, plain.stored(name, plain.state())[key])
    assert bank.stored("ema", state)["0.weight"].is_contiguous()
    assert not bank.tensors("ema")["0.weight"].is_contiguous()


def test_rows_without_a_weight_are_not_touched_and_a_step_without_any_packs_nothing(model):
    bank = bank_of(model, {"seldom": Ema(decay=0.5, interval=4)})
    bank.rows[0, 0] = torch.nan  # lerp with a weight of 0 would keep it, and with any other spread it
    before = bank.flat.clone()
    for _ in walk(model, 3):
        bank.update()
    assert torch.equal(bank.flat, before)
    assert int(bank.rows.isnan().sum()) == 1


def test_the_model_is_neither_changed_nor_aliased(model):
    before = copy.deepcopy(model.state_dict())
    pointers = {key: value.data_ptr() for key, value in model.state_dict().items()}
    bank = bank_of(model, KINDS)
    bank.update()
    bank.rows.zero_()
    bank.flat.zero_()
    assert {key: value.data_ptr() for key, value in model.state_dict().items()} == pointers
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
        assert value.is_contiguous(memory_format=torch.channels_last) or key != "conv.weight"


@pytest.mark.parametrize("at", [7, 61, 163])
def test_going_on_from_a_checkpoint_changes_no_bit(model, at):
    """Every row and count comes back, those of hidden rows in the middle of an epoch too."""
    hidden = {EPOCH_MEAN: epoch_mean_weights(clock().epoch_ends())}
    other = copy.deepcopy(model)
    whole, first = (bank_of(m, KINDS, hidden=hidden) for m in (model, other))
    for _ in walk(model):
        whole.update()
    for step, _ in enumerate(walk(other)):
        if step == at:
            state = first.state()
            first = bank_of(other, KINDS, hidden=hidden)
            first.load_state(state)
        first.update()
    assert torch.equal(whole.rows, first.rows)
    for name in whole.names:
        assert torch.equal(whole.average(name), first.average(name))


def test_a_state_is_a_copy_and_one_piece_of_memory(model):
    bank = bank_of(model, KINDS)
    state = bank.state()
    rows = [row for found in state["rows"].values() for row in found]
    before = [row.clone() for row in rows]
    for _ in walk(model, 3):
        bank.update()
    assert all(map(torch.equal, rows, before))
    assert len({row.untyped_storage().data_ptr() for row in rows}) == 1


def test_a_bank_needs_the_names_of_its_model(model):
    """A wrapper's prefix (_orig_mod., module.) is an error, not an average that never moves."""
    bank = ema_bank(model, 0.9)
    with pytest.raises(AssertionError, match="conv.weight"):
        bank.copy_into("ema_0.9", nn.DataParallel(copy.deepcopy(model)))


def test_averages_of_no_step_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        Bank(nn.Linear(2, 2), {})


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes need two cores")
def test_two_ranks_hold_the_same_averages_of_parameters():
    """With SAM and two batches a step, every kind: parameters to the bit; statistics are of each rank's own share."""
    (first, model), (second, other) = on_two(averaged)
    assert len(first) == 5
    for name, tensors in first.items():
        for key, value in tensors.items():
            same = torch.equal(value, second[name][key])
            assert same != ("running" in key), (name, key)
            assert not torch.equal(value, model[key]), (name, key)
    assert torch.equal(model["0.weight"], other["0.weight"])
