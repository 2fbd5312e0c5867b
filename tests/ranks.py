"""Functions that run on two ranks at once: on the first in the test's process, on the other in one of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import nn

from recipelab.commands.launcher import Launcher
from recipelab.loop.cluster import Place
from recipelab.loop.ranks import Ranks, joined, rendezvous_store
from recipelab.loop.signals import StopRequest


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
