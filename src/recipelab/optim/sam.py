"""Sharpness-aware minimisation: the gradient is taken at the worst point near the weights.

SAM, Foret et al. 2020, arXiv 2010.01412: e = rho * g / norm(g), rho = 0.05.
Adaptive SAM, Kwon et al. 2021, arXiv 2102.11600: e = rho * w^2 * g / norm(abs(w) * g), rho = 0.5.

The norm is over all parameters at once; 1e-12 is added to it, as in David Samuel's davda54/sam (MIT).

A step: backward; backup = perturb(params); backward again; restore(params, backup); optimizer step. The second
forward must repeat the first's random draws and leave the batch statistics alone; that is the caller's part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

EPSILON = 1e-12


@torch.no_grad()
def perturb(params: Sequence[Tensor], *, rho: float, adaptive: bool) -> list[Tensor]:
    """Add e to `params` in place, from their gradients, and return copies of what they were.

    rho: radius of the neighbourhood, in units of the weights (relative to them when adaptive).
    Parameters without a gradient stay; without any gradient nothing moves. The device is not waited for.
    """
    backup = [param.detach().clone() for param in params]
    moved = [param for param in params if param.grad is not None]
    if not moved:
        return backup
    steps: list[Tensor] | tuple[Tensor, ...] = [param.grad for param in moved if param.grad is not None]
    if adaptive:
        steps = torch._foreach_mul(moved, steps)
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(steps)))
    if adaptive:
        steps = torch._foreach_mul(steps, moved)
    torch._foreach_add_(moved, torch._foreach_mul(steps, rho / (norm + EPSILON)))
    return backup


@torch.no_grad()
def restore(params: Sequence[Tensor], backup: Sequence[Tensor]) -> None:
    """Put `backup` back, bit for bit: w + e - e differs from w in about 2 % of the elements."""
    torch._foreach_copy_(list(params), list(backup))


class Sam:
    """Up to the worst point near a model's weights, and back, bit for bit; what the loop's step calls.

    rho, adaptive: see `perturb`. every: two passes at every so many steps. Buffers are put back too, so that batch
    statistics come from the first pass alone: batch norm with momentum 0 would still count batches, and turn NaN on an
    infinite activation.
    """

    def __init__(self, model: nn.Module, *, rho: float = 0.05, adaptive: bool = False, every: int = 1) -> None:
        self.rho, self.adaptive, self.every = rho, adaptive, every
        self.all = list(model.parameters())
        self.params: list[nn.Parameter] = []
        self.buffers = list(model.buffers())
        self._weights: list[Tensor] = []
        self._statistics: list[Tensor] = []

    def due(self, step: int) -> bool:
        """Whether step `step`, counted from 0, takes two passes."""
        return step % self.every == 0

    def up(self) -> None:
        """Move the weights along the gradients they have."""
        self.params = [p for p in self.all if p.requires_grad]  # frozen parts may thaw
        self._statistics = [buffer.clone() for buffer in self.buffers]
        self._weights = perturb(self.params, rho=self.rho, adaptive=self.adaptive)

    def down(self) -> None:
        """Bring weights and buffers back; the gradients of the worst point stay."""
        restore(self.params, self._weights)
        for buffer, before in zip(self.buffers, self._statistics, strict=True):
            buffer.copy_(before)
