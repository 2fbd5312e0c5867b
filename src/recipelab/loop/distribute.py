"""A model whose gradients are averaged over the ranks: torch's DistributedDataParallel, which sums while backward runs.

The wrapper is only called; whatever reads weights or names (averages, checkpoints, evaluation) has the model itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from recipelab.loop.device import Device


class Distributed(nn.Module):
    """`model` under DistributedDataParallel.

    probe: (B, C, *S) images of a batch, by which parameters without a gradient are found, such as those of a layer
    that is never called; looking for them in every step costs a walk through the graph.
    """

    def __init__(self, model: nn.Module, device: Device, probe: Tensor) -> None:
        super().__init__()
        self.device, self.probe = device, probe
        self.trained = _trained(model)
        self.wrapped = self._wrap(model)

    def _wrap(self, model: nn.Module) -> DistributedDataParallel:
        place = self.device.torch_device
        return DistributedDataParallel(
            model,
            device_ids=[place.index] if place.type == "cuda" else None,
            find_unused_parameters=leaves_parameters_out(model, self.probe, self.device),
            gradient_as_bucket_view=True,
        )

    def refresh(self) -> None:
        """Wrap the model anew when parts of it were frozen or thawed: the wrapper sums what was trained at its time."""
        model = self.wrapped.module
        if self.trained != (trained := _trained(model)):
            self.trained = trained
            self.wrapped = self._wrap(model)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of this rank's images."""
        logits: Tensor = self.wrapped(images)
        return logits

    def hold(self, held: bool) -> None:
        """Leave the gradients of the forwards that follow to this rank, or average them again (as `no_sync` does)."""
        self.wrapped.require_backward_grad_sync = not held


def _trained(model: nn.Module) -> list[bool]:
    return [parameter.requires_grad for parameter in model.parameters()]


def leaves_parameters_out(model: nn.Module, probe: Tensor, device: Device) -> bool:
    """Whether some trained parameter gets no gradient from one forward and backward of `probe`, (B, C, *S).

    Neither gradients nor buffers are left changed.
    """
    buffers = [buffer.clone() for buffer in model.buffers()]
    with device.autocast():
        out = model(probe)
    out.float().sum().backward()
    left_out = any(p.requires_grad and p.grad is None for p in model.parameters())
    model.zero_grad(set_to_none=True)
    with torch.no_grad():
        for buffer, before in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(before)
    return left_out
