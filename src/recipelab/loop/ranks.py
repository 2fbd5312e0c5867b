"""The processes of one training, and what they have to agree on. One process is the case in which nothing is to do.

A rank is one process on one device. All take the same steps at the same time, each on its share of every batch; only
the first writes. Whatever decides about the course of a training (a metric, a stop) has to be the same on all, and
every collective below is called by all of them in the same order.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.loop.cluster import Place
from recipelab.loop.signals import StopRequest

dist: Any = torch.distributed  # type checkers are not told of all its names

# How long a rank waits for the others, such as for the first while it writes a checkpoint to a slow disk.
_TIMEOUT = timedelta(minutes=30)

# A vote costs 0.1 to 1 ms; one is taken about so often, but at least at every so many-th question.
_VOTE_SECONDS, _VOTE_CALLS = 0.05, 16


class Watch(Protocol):
    """What the first rank knows of processes that it has started."""

    last_words: Callable[[str], None]

    def fault(self) -> Exception | None:
        """Why a rank was lost, if one was."""


class Alone:
    """The one process of a training."""

    rank, world, local = 0, 1, 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The tensor."""
        return tensor

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensor."""
        return tensor

    def reduce(self, metrics: Any) -> None:
        """Nothing: all was counted here."""

    def tell(self, value: Any = None) -> Any:
        """The value."""
        return value

    def collect(self, value: Any) -> list[Any]:
        """The value."""
        return [value]

    def copy_buffers(self, module: nn.Module) -> None:
        """Nothing: they are this process's."""

    def barrier(self) -> None:
        """Nothing: nobody is to be waited for."""

    def agreed(self, own: StopRequest) -> StopRequest:
        """The stop request."""
        return own

    def blamed(self) -> contextlib.AbstractContextManager[None]:
        """A context that does nothing: an error is this process's own."""
        return contextlib.nullcontext()

    def if_lost(self, say: Callable[[str], None]) -> None:
        """Nothing: there is nobody to lose."""


class Ranks:
    """Several processes, of which this is `rank`, on device number `local` of its machine; see `joined`.

    watch: the first rank's, over those that it has started; None: somebody else watches over them.
    """

    def __init__(self, place: Place, watch: Watch | None = None) -> None:
        self.rank, self.world, self.local = place.rank, place.world, place.local
        self.watch = watch

    def sum(self, tensor: Tensor) -> Tensor:
        """Replace the tensor by its sum over the ranks."""
        dist.all_reduce(tensor)
        return tensor

    def gather(self, tensor: Tensor) -> Tensor:
        """The ranks' tensors, concatenated along the first dimension, in which they may differ."""
        length = torch.tensor([len(tensor)], device=tensor.device)
        lengths = [torch.empty_like(length) for _ in range(self.world)]
        dist.all_gather(lengths, length)
        sizes = [int(one) for one in lengths]
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        found = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(found, padded)
        return torch.cat([one[:size] for one, size in zip(found, sizes, strict=True)])

    def reduce(self, metrics: Any) -> None:
        """Bring what the ranks have counted together (`recipelab.metrics.meters.Metrics.reduce`)."""
        metrics.reduce(self.sum, self.gather)

    def tell(self, value: Any = None) -> Any:
        """The first rank's value, a plain or pickled one, on every rank."""
        values = [value]
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
        return values[0]

    def collect(self, value: Any) -> list[Any]:
        """Every rank's value, a plain or pickled one, in the order of the ranks."""
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    @torch.no_grad()
    def copy_buffers(self, module: nn.Module) -> None:
        """Give every rank's module the buffers of the first's: batch statistics are rank 0's."""
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)

    def barrier(self) -> None:
        """Wait for all."""
        self.sum(torch.zeros(1))

    def agreed(self, own: StopRequest) -> AgreedStop:
        """A stop request that is true on all ranks at the same question."""
        return AgreedStop(own, self.rank == 0)

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Raise, in place of an error that another rank's end has caused here, why that one ended."""
        try:
            yield
        except (UserError, RunError, Interrupted):
            raise
        except Exception as error:
            if self.watch and (fault := self.watch.fault()):
                raise fault from error
            raise

    def if_lost(self, say: Callable[[str], None]) -> None:
        """Have `say` called with the reason when this process must be ended by force, because another was lost."""
        if self.watch:
            self.watch.last_words = say


class AgreedStop:
    """A stop that is asked of any rank, and true on all of them at the same question.

    Every rank asks for its truth at the same places of the same course, so the questions can be counted; at some of
    them, agreed on in the vote before, the ranks take the largest of the signals that each has got.
    """

    def __init__(self, own: StopRequest, first: bool) -> None:
        self.signal_number: int | None = None
        self._own, self._first = own, first
        self._left, self._calls = 1, 1
        self._voted = time.perf_counter()

    def __bool__(self) -> bool:
        if self.signal_number is None:
            self._left -= 1
            if self._left == 0:
                self._vote()
        return self.signal_number is not None

    def _vote(self) -> None:
        now = time.perf_counter()
        wanted = int(_VOTE_SECONDS * self._calls / max(now - self._voted, 1e-9)) if self._first else 0
        vote = torch.tensor([self._own.signal_number or 0, min(max(wanted, 1), _VOTE_CALLS)])
        dist.all_reduce(vote, op=dist.ReduceOp.MAX)
        number, self._calls = vote.tolist()
        self._left, self._voted = self._calls, time.perf_counter()
        self.signal_number = number or None


ProcessGroup = Alone | Ranks
Stop = StopRequest | AgreedStop


def rendezvous_store(world: int) -> Any:
    """A store on this machine, at a port that is free, for a first rank that starts the others itself."""
    return dist.TCPStore("127.0.0.1", 0, world, True, wait_for_workers=False)


@contextlib.contextmanager
def joined(place: Place, store: Any = None, watch: Watch | None = None) -> Iterator[Ranks]:
    """The process group of a training, left at the end. Waits until every rank has come.

    store: where the ranks meet, if it is made already. Tensors on the CPU go by gloo, CUDA tensors by NCCL.
    """
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    if store is None:
        # torchrun's agent is at its address already; under SLURM the first rank has to be.
        agent = place.launcher == "torchrun" and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        store = dist.TCPStore(place.address, place.port, place.world, place.rank == 0 and not agent, _TIMEOUT)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # a restart must not find what the one before has left
    store = dist.PrefixStore(f"recipelab/{attempt}", store)
    dist.init_process_group(backend, store=store, rank=place.rank, world_size=place.world, timeout=_TIMEOUT)
    try:
        yield Ranks(place, watch)
        _leave(place, store)
    finally:
        dist.destroy_process_group()


def _leave(place: Place, store: Any) -> None:
    """Wait until every rank has got all it was sent, by way of the store; the first, where that may be, goes last."""
    others = range(1, place.world)
    store.set(f"done/{place.rank}", "")
    store.wait([f"done/{rank}" for rank in range(place.world)])
    if place.rank == 0:
        store.wait([f"left/{rank}" for rank in others])
    else:
        store.set(f"left/{place.rank}", "")
