"""Which samples of an epoch a rank trains on, and which of a split it evaluates: its share of every batch.

A batch of all ranks together is cut into one stretch a rank; the sizes differ by one at most, the larger first. So
full batches give every rank the same, and of the last, partial one no sample is dropped and none is counted twice.
"""

from __future__ import annotations

import torch
from torch import Tensor


def share(count: int, rank: int, world: int) -> slice:
    """The stretch of rank `rank` of `world` in a batch of `count` samples; empty for some if count < world."""
    size, rest = divmod(count, world)
    begin = rank * size + min(rank, rest)
    return slice(begin, begin + size + (rank < rest))


def positions(count: int, start: int, batch_size: int, rank: int, world: int) -> Tensor:
    """Positions (n,) int64 in an epoch of `count` samples of what `rank` is given from position `start` on.

    batch_size: samples of a full batch on one rank. start: where a batch begins. Every batch is batch_size of the
    positions; the last may be fewer. A rank without a share of the last batch is given its first sample: every rank
    has to take part in every step. That sample is another's, and `Batch.counts` says so.
    """
    whole = (count - start) // (batch_size * world)
    begins = start + torch.arange(whole)[:, None] * (batch_size * world) + rank * batch_size
    rest = start + whole * batch_size * world
    part = share(count - rest, rank, world)
    if rest < count and part.start == part.stop:
        part = slice(0, 1)
    last = torch.arange(rest + part.start, rest + part.stop)
    return torch.cat(((begins + torch.arange(batch_size)).flatten(), last))
