"""A stage: blocks one after the other, whose activations may be computed again in the backward instead of kept.

Chen, Xu, Zhang, Guestrin 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174, by
torch.utils.checkpoint; about a third more time for the memory of one block at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Context = contextlib.AbstractContextManager[None]


class Stage(nn.Sequential):
    """Blocks in sequence.

    recompute: keep only the input of each block. Results are the same bits: draws are repeated, and batch
        statistics are taken in once.
    """

    def __init__(self, *blocks: nn.Module, recompute: bool = False) -> None:
        super().__init__(*blocks)
        self.recompute = recompute

    def forward(self, x: Tensor) -> Tensor:
        if not (self.recompute and torch.is_grad_enabled()):
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        for block in self:
            x = checkpoint(block, x, use_reentrant=False, context_fn=partial(_contexts, block))
        return x


def _contexts(block: nn.Module) -> tuple[Context, Context]:
    """Around the forward, and around the repeated one."""
    return contextlib.nullcontext(), _statistics_kept(block)


@contextlib.contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Batch norms normalise by the batch again, but take it into copies of their running statistics."""
    norms = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        norm._buffers.update({name: buffer.clone() for name, buffer in norm._buffers.items() if buffer is not None})
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
