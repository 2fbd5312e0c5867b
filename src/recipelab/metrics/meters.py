"""Several metrics of one pass over a split, in one object: one flat tensor of sums, read from the device once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Result = dict[str, float | list[float]]


class Meter(Protocol):
    """What one file of this room holds.

    totals: (S,) float64 sums over the samples, on the device; S may be 0.
    kept: tensors of what cannot be summed (scores), each with the samples as its first dimension.
    """

    totals: Tensor
    kept: list[Tensor]

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Take a batch: outputs (B, K), targets (B,) int64 or (B, T) float32, all on the device; waits for nothing."""

    def result(self, totals: NDArray[np.float64]) -> Result:
        """The metrics by name, from `totals` on the CPU (and from `kept`)."""


class Metrics:
    """All metrics of one evaluation.

    meters: see Meter; no two give a metric of the same name. device: the model's.

    `totals` is one flat tensor that every meter's sums are a piece of: several ranks add theirs up with one
    all-reduce, and `reduce` also brings together what is kept.
    """

    def __init__(self, meters: Sequence[Meter], device: torch.device | str) -> None:
        self.meters = meters
        self.totals = zeros(sum(len(meter.totals) for meter in meters), device)
        self._sizes = [len(meter.totals) for meter in meters]
        for meter, part in zip(meters, self.totals.split(self._sizes), strict=True):
            meter.totals = part

    @torch.no_grad()
    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Take a batch into every metric."""
        for meter in self.meters:
            meter.update(outputs, targets)

    def reduce(self, add_up: Callable[[Tensor], object], gather: Callable[[Tensor], Tensor]) -> None:
        """Bring the ranks' parts together, before `compute`.

        add_up: sums a tensor over the ranks, in place. gather: the ranks' tensors, concatenated along the first
        dimension, in which they may differ. A torchmetrics class of the user's brings its own states together.
        """
        add_up(self.totals)
        for meter in self.meters:
            meter.kept = [gather(tensor) for tensor in joined(meter.kept)]

    def compute(self) -> Result:
        """Every metric as plain numbers, in the order of the meters: the place that waits for the device."""
        totals = np.asarray(self.totals.tolist())
        found: Result = {}
        for meter, part in zip(self.meters, np.split(totals, np.cumsum(self._sizes)[:-1]), strict=True):
            found.update(meter.result(part))
        return found


def zeros(count: int, device: torch.device | str) -> Tensor:
    """(count,) sums at zero. float64 counts exactly and makes batch sizes equal to rounding; Apple's GPU has none."""
    dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
    return torch.zeros(count, dtype=dtype, device=device)


def joined(kept: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one shape beyond the first dimension as one; none stays none."""
    return [torch.cat(list(kept))] if kept else []
