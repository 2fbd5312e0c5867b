from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from recipelab.config.schema import Trainer
from recipelab.core.errors import UserError
from recipelab.loop import device as rooms
from recipelab.loop.device import Device, Execution, applied, compile_in_place, fingerprint, resolve


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)


@pytest.mark.parametrize("bf16", [True, False])
def test_auto_on_a_cpu(no_cuda, monkeypatch, bf16):
    flags = {"avx512_bf16": bf16}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    execution = resolve(Trainer(), input_dim=2)
    assert execution == Execution(
        accelerator="cpu",
        precision="bf16-mixed" if bf16 else "32",
        threads=len(os.sched_getaffinity(0)),
        compile=False,
        channels_last=True,
        cudnn_benchmark=False,
        deterministic=True,
    )


def test_auto_on_a_gpu(cuda):
    execution = resolve(Trainer(), input_dim=3)
    assert (execution.accelerator, execution.precision, execution.compile) == ("cuda", "32", True)
    assert (execution.cudnn_benchmark, execution.deterministic, execution.channels_last) == (True, False, False)
    exact = resolve(Trainer(deterministic=True), input_dim=2)
    assert (exact.deterministic, exact.cudnn_benchmark) == (True, False)


def test_several_gpus_synchronise_their_batch_statistics(cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve(Trainer(devices=2), input_dim=2).sync_batchnorm
    assert not resolve(Trainer(devices=2, sync_batchnorm=False), input_dim=2).sync_batchnorm
    assert not resolve(Trainer(), input_dim=2).sync_batchnorm
    with pytest.raises(UserError, match="one process has all of the batch"):
        resolve(Trainer(sync_batchnorm=True), input_dim=2)
    with pytest.raises(UserError, match="there are 2 CUDA devices"):
        resolve(Trainer(devices=3), input_dim=2)


@pytest.mark.parametrize(("cores", "processes", "threads"), [(8, 2, 4), (8, 3, 2), (2, 2, 1), (2, 4, 1)])
def test_threads_are_divided_among_the_processes(no_cuda, monkeypatch, cores, processes, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert resolve(Trainer(devices=processes), input_dim=2).threads == threads
    assert resolve(Trainer(devices=processes, threads=5), input_dim=2).threads == 5


def test_what_is_asked_for_is_taken(no_cuda):
    asked = Trainer(precision="32", threads=3, compile=True, channels_last=False, deterministic=False)
    execution = resolve(asked, input_dim=2)
    assert (execution.precision, execution.threads, execution.compile) == ("32", 3, True)
    assert (execution.channels_last, execution.deterministic) == (False, False)
    assert resolve(Trainer(precision=32), input_dim=2).precision == "32"


def test_what_is_recorded_resolves_to_itself(no_cuda):
    execution = resolve(Trainer(), input_dim=2)
    assert resolve(Trainer(**execution.overrides()), input_dim=2) == execution


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"accelerator": "cuda"}, "no CUDA device"),
        ({"precision": "16-mixed"}, r"no mixed fp16 on a CPU; use trainer\.precision=bf16-mixed or 32"),
        ({"devices": 10**6}, r"trainer\.devices=1000000: .* there are \d+ CPU cores"),
        ({"sync_batchnorm": True}, r"between CUDA devices only.*\n.*use trainer\.sync_batchnorm=false"),
        ({"channels_last": True}, "needs images of two dimensions; these have 3"),
    ],
)
def test_what_the_machine_cannot_do_is_refused(no_cuda, asked, message):
    with pytest.raises(UserError, match=message):
        resolve(Trainer(**asked), input_dim=3)


def test_switches_and_draws_are_put_back(device):
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state())
    execution = Execution("cpu", "32", before[0] + 1, False, False, False, True)
    with applied(execution):
        assert torch.get_num_threads() == before[0] + 1
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(3)
    after = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state())
    assert after[:2] == before[:2]
    assert torch.equal(after[2], before[2])


def test_bf16_autocast_computes_in_bf16_and_keeps_float32_weights():
    device = Device(Execution("cpu", "bf16-mixed", 1, False, True, False, True))
    model = device.place(nn.Conv2d(1, 2, 3))
    with device.autocast():
        assert model(torch.zeros(1, 1, 8, 8)).dtype == torch.bfloat16
    assert model.weight.dtype == torch.float32
    assert device.scaler is None


def test_a_device_says_nothing_of_its_own(capfd, caplog):
    Device(Execution("cpu", "bf16-mixed", 1, False, True, False, True))
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_a_compiler_that_fails_leaves_the_model_as_it_was(device, monkeypatch):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def compiled(*args, **kwargs):
        model._compiled_call_impl = broken

    def broken(*_):
        model[0].running_mean.add_(1.0)
        raise RuntimeError("no compiler here\nand much more text")

    monkeypatch.setattr(model, "compile", compiled)
    assert compile_in_place(model, torch.ones(4, 1, 4, 4), device) == "RuntimeError: no compiler here"
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    assert model(torch.ones(4, 1, 4, 4)).shape == (4, 2)


def test_a_compiler_that_works_moves_no_statistics(device, monkeypatch):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 2))
    monkeypatch.setattr(model, "compile", lambda dynamic: None)
    assert compile_in_place(model, torch.ones(4, 1, 4, 4), device) is None
    assert model[0].num_batches_tracked == 0
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"precision": "bf16-mixed"}, {"channels_last": True}, {"deterministic": False}]
)
def test_the_fingerprint_tells_executions_apart(change):
    environment = {"cpu": {"model": "a"}, "packages": {"torch": "2"}}
    base = {
        "accelerator": "cpu",
        "precision": "32",
        "threads": 1,
        "compile": False,
        "channels_last": False,
        "cudnn_benchmark": False,
        "deterministic": True,
    }
    first = fingerprint(Execution(**base), environment, True)
    assert fingerprint(Execution(**{**base, **change}), environment, True) != first
    assert fingerprint(Execution(**base), environment, False) != first
    assert fingerprint(Execution(**base), {**environment, "cpu": {"model": "b"}}, True) != first


def test_bf16_is_looked_up_in_what_the_hardware_says(monkeypatch):
    for flag in ("avx512_bf16", "amx_bf16", "arm_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flag=flag: {flag: True, "avx512": True})
        assert rooms.has_bf16(cuda=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512": True})
    assert not rooms.has_bf16(cuda=False)
