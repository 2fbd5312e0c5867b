"""Functions that run on two ranks at once: on the first in the test's process, on the other in one of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.averaging.bank import Bank
from recipelab.averaging.clock import Clock
from recipelab.averaging.ema import Ema
from recipelab.averaging.last_k import LastK
from recipelab.averaging.swa import Swa
from recipelab.commands.launcher import Launcher
from recipelab.core.batch import Batch, Target
from recipelab.core.durations import Timeline
from recipelab.data.shares import share
from recipelab.loop.cluster import Place
from recipelab.loop.device import Device, Execution
from recipelab.loop.distribute import Distributed
from recipelab.loop.ranks import Ranks, joined, rendezvous_store
from recipelab.loop.signals import StopRequest
from recipelab.loop.step import TrainStep
from recipelab.optim.sam import Sam


class Other:
    """What the second rank does: the same function, found by its name in this file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, place: Place, link: Connection) -> None:
        link.send("ready")
        torch.set_num_threads(1)
        with joined(place) as ranks:
            globals()[self.name](ranks)


def on_two(function: Callable[[Ranks], Any]) -> Any:
    """What `function` of this file gives on the first of two ranks."""
    launcher = Launcher(2)
    store = rendezvous_store(2)
    try:
        launcher.start(Other(function.__name__), store.port)
        launcher.rendezvous(StopRequest(), "")
        with joined(Place(0, 2, 0, 2, "test"), store, launcher) as ranks:
            found = function(ranks)
        launcher.finish()
        assert launcher.exit_codes() == [0]
        return found
    finally:
        launcher.end()


def arithmetic(ranks: Ranks) -> tuple[Any, ...]:
    """Every collective once, with what differs between the ranks; each rank's results."""
    total = ranks.sum(torch.tensor([1.0, ranks.rank]))
    rows = ranks.gather(torch.full((1 + 2 * ranks.rank, 2), float(ranks.rank)))
    empty = ranks.gather(torch.zeros(ranks.rank, 3))
    told = ranks.tell({"from": ranks.rank} if ranks.rank == 0 else None)
    norm = nn.BatchNorm2d(2)
    norm.running_mean.fill_(ranks.rank + 1)
    norm.num_batches_tracked += ranks.rank + 5
    ranks.copy_buffers(norm)
    mine = [total.tolist(), rows.tolist(), tuple(empty.shape), told, norm.running_mean.tolist()]
    mine.append(int(norm.num_batches_tracked))
    both: list[Any] = [None, None]
    torch.distributed.all_gather_object(both, mine)
    return tuple(both)


def stops(ranks: Ranks) -> tuple[list[int], list[int | None]]:
    """A signal to the second rank at its 40th question: at which question each stopped, and why."""
    with StopRequest() as own:
        stop = ranks.agreed(own)
        asked = 0
        while not stop and asked < 500:
            asked += 1
            if asked == 40 and ranks.rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
    both: list[Any] = [None, None]
    torch.distributed.all_gather_object(both, (asked, stop.signal_number))
    return [count for count, _ in both], [number for _, number in both]


class NoLog:
    """The loop's log is float32; here nothing is logged."""

    def add(self, loss: Tensor, correct: Tensor) -> None: ...


def smooth_network() -> nn.Module:
    """A network of single samples in float64."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(64, 10)).double()


def seven_samples(count: int) -> list[tuple[Tensor, Tensor]]:
    """`count` batches of 7 images (7, 1, 8, 8) float64 and their labels: 4 for the first rank, 3 for the second."""
    source = torch.Generator().manual_seed(3)
    images = torch.randn(7 * count, 1, 8, 8, generator=source, dtype=torch.float64).split(7)
    labels = torch.randint(10, (7 * count,), generator=source).split(7)
    return list(zip(images, labels, strict=True))


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """One a sample, in the logits' dtype."""
    return F.cross_entropy(logits, labels, reduction="none")


def sharp(ranks: Ranks, adaptive: bool = False, rho: float = 0.05) -> list[dict[str, Tensor]]:
    """Ten steps of SAM and SGD with each rank's share of the batches; the weights of both ranks."""
    device, model, batches = Device(_execution(), ranks), smooth_network(), seven_samples(10)
    distributed = Distributed(model, device, batches[0][0][share(7, ranks.rank, 2)])
    step = TrainStep(
        model=distributed,
        loss=cross_entropies,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4),
        factors=np.ones(10),
        device=device,
        log=NoLog(),  # type: ignore[arg-type]
        base=0,
        climb=Sam(model, rho=rho, adaptive=adaptive),
        synchronised=distributed,
    )
    for index, (images, labels) in enumerate(batches):
        part = share(7, ranks.rank, 2)
        step([Batch(images[part], Target(labels[part]), total=7)], index)
    both: list[Any] = [None, None]
    torch.distributed.all_gather_object(both, {k: v.clone() for k, v in model.state_dict().items()})
    return both


def averaged(ranks: Ranks) -> list[tuple[dict[str, Any], dict[str, Tensor]]]:
    """Ten steps with a bank of every kind, beside SAM and two batches a step, over batch norm: what each rank's bank
    holds by name of average and of tensor, and what its model does."""
    kinds: dict[str, Any] = {
        "ema": Ema(decay=0.9),
        "late": Ema(decay=0.8, start="3st", interval=2, debias=True),
        "warm": Ema(warmup="timm"),
        "swa": Swa(start="4st", every="2st"),
        "last_2": LastK(k=2, every="3st"),
    }
    device, batches = Device(_execution(), ranks), seven_samples(20)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 10)
    ).double()
    distributed = Distributed(model, device, batches[0][0][share(7, ranks.rank, 2)])
    clock = Clock.of(Timeline(steps_per_epoch=5, total_steps=10))
    bank = Bank(model, {name: kind.weights(clock) for name, kind in kinds.items()})
    step = TrainStep(
        model=distributed,
        loss=cross_entropies,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        factors=np.ones(10),
        device=device,
        log=NoLog(),  # type: ignore[arg-type]
        base=0,
        accumulate=2,
        climb=Sam(model, rho=0.05),
        bank=bank,
        synchronised=distributed,
    )
    part = share(7, ranks.rank, 2)
    for index in range(10):
        pair = batches[2 * index : 2 * index + 2]
        step([Batch(images[part], Target(labels[part]), total=14) for images, labels in pair], index)
    both: list[Any] = [None, None]
    held = {name: {k: v.clone() for k, v in bank.tensors(name).items()} for name in bank.names}
    torch.distributed.all_gather_object(both, (held, {k: v.clone() for k, v in model.state_dict().items()}))
    return both


def _execution() -> Execution:
    return Execution(
        accelerator="cpu",
        precision="32",
        threads=1,
        compile=False,
        channels_last=False,
        cudnn_benchmark=False,
        deterministic=True,
        processes=2,
    )


def adaptively_sharp(ranks: Ranks) -> list[dict[str, Tensor]]:
    """The same with adaptive SAM."""
    return sharp(ranks, adaptive=True, rho=0.5)
