"""What flows through a step: images, and targets that may be pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Target:
    """Targets of a batch; after mixing, a pair with a weight.

    first: (B,) int64 class labels, or (B, T) float32 targets of a regression.
    second: labels or targets of the mixed-in samples, like `first`; None when nothing was mixed.
    weight: lambda, the weight of `first`, in [0, 1]: a 0-dim float tensor for the whole batch, or (B,) per sample.
    """

    first: Tensor
    second: Tensor | None = None
    weight: Tensor | None = None

    def blend(self, value: Callable[[Tensor], Tensor]) -> Tensor:
        """lambda * value(first) + (1 - lambda) * value(second); value(first) alone when nothing was mixed.

        value: labels (B,) or targets (B, T) -> one number a sample (B,), such as a loss or a correctness.
        """
        first = value(self.first)
        if self.second is None or self.weight is None:
            return first
        return torch.lerp(value(self.second), first, self.weight.to(first.dtype))

    def parts(self, count: int) -> list[Target]:
        """At most `count` targets of consecutive samples, as torch.Tensor.chunk cuts them."""
        firsts = self.first.chunk(count)
        seconds = self.second.chunk(count) if self.second is not None else [None] * len(firsts)
        each = self.weight is not None and self.weight.ndim > 0
        weights = self.weight.chunk(count) if each and self.weight is not None else [self.weight] * len(firsts)
        return [Target(*fields) for fields in zip(firsts, seconds, weights, strict=True)]


@dataclass
class Batch:
    """One forward's worth of samples.

    images: (B, C, *S) float32, normalised (uint8 before augmentation).
    target: see Target.
    total: samples of the batch over all ranks; None: these are all.
    counts: False for a sample that another rank counts: it fills the place of a share that is empty.
    rows: in an evaluation, where the samples stand in the split: a slice or (B,) int64; None in training.
    """

    images: Tensor
    target: Target
    total: int | None = None
    counts: bool = True
    rows: slice | Tensor | None = None
