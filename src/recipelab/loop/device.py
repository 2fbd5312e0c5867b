"""How a recipe is executed: every `auto` resolved before step 0, on Lightning Fabric. The one file that uses it.

Fabric chooses the device and the autocast; it does not save, log, load data, seed or launch here. Its `backward` is
passed by, at 88 us a call, where there is no gradient scaler: it does nothing more then.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.core.errors import UserError
from recipelab.loop.cluster import detect
from recipelab.loop.ranks import Alone, ProcessGroup

_DEBUG_FILL: Any = torch.utils.deterministic  # a module that is also a class: type checkers see only the first


@dataclass(frozen=True)
class Execution:
    """Every `auto` of a recipe, resolved. Part of the execution fingerprint."""

    accelerator: str
    precision: str
    threads: int
    compile: bool
    channels_last: bool
    cudnn_benchmark: bool
    deterministic: bool
    sync_batchnorm: bool = False
    processes: int = 1

    def overrides(self) -> dict[str, Any]:
        """The same as keys of the trainer section."""
        values = asdict(self)
        values["devices"] = values.pop("processes")
        return values


def resolve(trainer: Any, *, input_dim: int, task: str = "classification") -> Execution:
    """Resolve every `auto` of the trainer section for this machine, by rule and never by timing.

    Under regression `precision=auto` is 32: bf16 outputs have three digits, which is enough to tell classes apart.
    Raises UserError for what the machine cannot do.
    """
    accelerator = _accelerator(trainer.accelerator)
    cuda = accelerator == "cuda"
    processes, here = _processes(trainer.devices, cuda)
    deterministic = not cuda if trainer.deterministic == "auto" else trainer.deterministic
    return Execution(
        accelerator=accelerator,
        precision="32"
        if (task, trainer.precision) == ("regression", "auto")
        else _precision(trainer.precision, cuda, input_dim),
        threads=1 if trainer.threads == 1 else _threads(trainer.threads, here),
        compile=cuda if trainer.compile == "auto" else trainer.compile,
        channels_last=input_dim == 2 if trainer.channels_last == "auto" else _channels_last(trainer, input_dim),
        cudnn_benchmark=cuda and not deterministic if trainer.cudnn_benchmark == "auto" else trainer.cudnn_benchmark,
        deterministic=deterministic,
        sync_batchnorm=_sync_batchnorm(trainer.sync_batchnorm, cuda, processes),
        processes=processes,
    )


def process_count(asked: int | str) -> int | None:
    """How many processes a run is to have: as torchrun or SLURM started, or as asked; None when neither says.

    Raises UserError when both do, and differ.
    """
    place = detect()
    if place is None:
        return None if asked == "auto" else int(asked)
    if asked not in ("auto", place.world):
        raise UserError(
            f"trainer.devices={asked}: {place.launcher} has started {place.world} processes for this run\n"
            f"  leave trainer.devices out, or give {place.world}"
        )
    return place.world


def processes_here(asked: int | str) -> int:
    """How many of a run's processes are on this machine."""
    place = detect()
    return place.local_world if place else process_count(asked) or 1


def _processes(asked: int | str, cuda: bool) -> tuple[int, int]:
    """Processes of the run, and how many of them are on this machine."""
    processes, here = process_count(asked) or 1, processes_here(asked)
    there, what = (torch.cuda.device_count(), "CUDA devices") if cuda else (os.cpu_count() or 1, "CPU cores")
    if here > max(there, 1):
        raise UserError(
            f"trainer.devices={here}: every process needs a device of its own, and there are {there} {what}"
        )
    return processes, here


def _sync_batchnorm(asked: bool | str, cuda: bool, processes: int) -> bool:
    if asked is True and not cuda:
        raise UserError(
            "trainer.sync_batchnorm=true: torch synchronises batch statistics between CUDA devices only;"
            " on a CPU every process normalises by its own share of the batch\n  use trainer.sync_batchnorm=false"
        )
    if asked is True and processes == 1:
        raise UserError("trainer.sync_batchnorm=true has nothing to apply to: one process has all of the batch")
    return cuda and processes > 1 if asked == "auto" else bool(asked)


def _accelerator(asked: str) -> str:
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("trainer.accelerator=cuda: no CUDA device is to be seen here; use trainer.accelerator=cpu")
    return asked


def has_bf16(cuda: bool) -> bool:
    """Whether the hardware itself computes in bf16, so that bf16 autocast is faster and not emulated."""
    if cuda:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities()
    return any(flags.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))


def _precision(asked: str | int, cuda: bool, input_dim: int) -> str:
    if asked == "auto":
        # On a CPU the bf16 gradient of a 3-D convolution over a few pixels can be NaN (torch 2.15, 2026-11).
        return "bf16-mixed" if has_bf16(cuda) and (cuda or input_dim < 3) else "32"
    if asked == "16-mixed" and not cuda:
        raise UserError(
            "trainer.precision=16-mixed: there is no mixed fp16 on a CPU; use trainer.precision=bf16-mixed or 32"
        )
    return str(asked)


def _threads(asked: int | str, here: int) -> int:
    """Threads of one process; `auto` divides the cores among the processes `here`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, available // here) if asked == "auto" else int(asked)


def _channels_last(trainer: Any, input_dim: int) -> bool:
    if trainer.channels_last and input_dim != 2:
        raise UserError(f"trainer.channels_last=true needs images of two dimensions; these have {input_dim}")
    return bool(trainer.channels_last)


class Device:
    """The device of a run: where tensors live, the autocast of a forward, the backward, the optimizer's step.

    ranks: the processes of the run, each on a device of its own.
    """

    def __init__(self, execution: Execution, ranks: ProcessGroup | None = None) -> None:
        from lightning.fabric import Fabric  # here: seconds to import, which a refused recipe need not wait for
        from lightning.fabric.plugins.environments.lightning import LightningEnvironment

        self.execution = execution
        self.ranks = ranks or Alone()
        with _silent_fabric():
            fabric = Fabric(
                accelerator=execution.accelerator,
                devices=[self.ranks.local] if execution.accelerator == "cuda" else 1,
                precision=_fabric_precision(execution),
                plugins=[LightningEnvironment()],  # this process and its one device, whatever has started it
            )
            fabric.launch()
        self.torch_device = torch.device(fabric.device)
        self.autocast = fabric.autocast  # one context a forward: autocast caches the weights it has cast
        self.scaler: torch.amp.GradScaler | None = getattr(fabric.strategy.precision, "scaler", None)

    def place(self, model: nn.Module) -> nn.Module:
        """The model on the device, in the memory format of the execution."""
        format_ = torch.channels_last if self.execution.channels_last else torch.contiguous_format
        return model.to(device=self.torch_device, memory_format=format_)  # type: ignore[call-overload,no-any-return]

    def backward(self, losses: Tensor, weight: float) -> None:
        """Accumulate the gradient of weight * losses.sum(), losses (B,); 15 us less than by way of that sum."""
        weights = torch.full_like(losses, weight)
        torch.autograd.backward(losses, weights if self.scaler is None else self.scaler.scale(weights))

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring gradients back to their true size, before they are clipped or read."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the optimizer's step (skipped by the scaler when a gradient overflowed)."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()

    def synchronize(self) -> None:
        """Wait for the device, so that a clock read next is true."""
        if self.torch_device.type == "cuda":
            torch.cuda.synchronize(self.torch_device)


def _fabric_precision(execution: Execution) -> Any:
    return "32-true" if execution.precision == "32" else execution.precision


@contextlib.contextmanager
def _silent_fabric() -> Iterator[None]:
    """Fabric announces its precision through a logger (the one of the two that was imported last); the run says it
    in its own words."""
    loggers = [logging.getLogger(f"lightning.{part}.utilities.rank_zero") for part in ("fabric", "pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def applied(execution: Execution) -> Iterator[None]:
    """torch's global switches as the execution says, put back afterwards (for callers from Python)."""
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        _DEBUG_FILL.fill_uninitialized_memory,
        torch.get_rng_state(),
    )
    torch.set_num_threads(execution.threads)
    torch.use_deterministic_algorithms(execution.deterministic)
    torch.backends.cudnn.benchmark = execution.cudnn_benchmark
    _DEBUG_FILL.fill_uninitialized_memory = False  # it would fill every new tensor, for debugging
    if execution.deterministic and execution.accelerator == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS refuses to be deterministic without
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.backends.cudnn.benchmark = before[2]
        _DEBUG_FILL.fill_uninitialized_memory = before[3]
        torch.set_rng_state(before[4])


def compile_in_place(model: nn.Module, probe: Tensor, device: Device) -> str | None:
    """Compile `model` itself (its names stay clean). Returns why it could not be, or None.

    probe: (B, C, *S) input of the shape of a full batch. Tried before step 0, so that there is no fall-back in
    mid-run. The model's buffers are put back: a probe must not move batch-norm statistics.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        model.compile(dynamic=False)
        with device.autocast():
            out = model(probe)
        out.float().sum().backward()
        return None
    except Exception as error:  # whatever the compiler's stack raises: the model runs as well without it
        model._compiled_call_impl = None
        reason = str(error).strip().splitlines()
        return f"{type(error).__name__}: {reason[0] if reason else 'no reason given'}"
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])


def fingerprint(execution: Execution, environment: Mapping[str, Any], fused: object) -> dict[str, Any]:
    """What two runs must share for their weights to be bitwise equal, besides recipe, data and seed."""
    versions = environment["packages"]
    return {
        **asdict(execution),
        "fused": fused,
        "device": torch.cuda.get_device_name() if execution.accelerator == "cuda" else environment["cpu"]["model"],
        "versions": {name: versions.get(name) for name in ("torch", "numpy", "recipelab")},
    }
