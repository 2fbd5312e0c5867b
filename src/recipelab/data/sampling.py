"""In which order an epoch takes the training samples, and how often each."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Sampling = Literal["shuffle", "replacement", "balanced"]


def epoch_order(targets: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """Indices (N,) int64 of an epoch of N samples; every draw from `generator`.

    targets: (N,) int64 labels, on the CPU.
    sampling: "shuffle" takes each once. "replacement" draws each of the N places from all samples alike. "balanced"
        gives every class that occurs the same number of places, to one: a class with more samples than places is
        drawn from without replacement, and one with fewer goes round again in a new order.
    """
    count = len(targets)
    if sampling == "shuffle":
        return torch.randperm(count, generator=generator)
    if sampling == "replacement":
        return torch.randint(count, (count,), generator=generator)
    classes = targets.unique()
    places = torch.full((len(classes),), count // len(classes))
    extra = torch.randperm(len(classes), generator=generator)[: count % len(classes)]
    places[extra] += 1
    chosen = [
        _rounds((targets == label).nonzero()[:, 0], int(wanted), generator)
        for label, wanted in zip(classes, places, strict=True)
    ]
    return torch.cat(chosen)[torch.randperm(count, generator=generator)]


def _rounds(members: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
    """`wanted` of `members`: all of them in a drawn order, again and again, and a part of the last round."""
    rounds = -(-wanted // len(members))
    orders = [torch.randperm(len(members), generator=generator) for _ in range(rounds)]
    return members[torch.cat(orders)[:wanted]] if rounds else members[:0]
