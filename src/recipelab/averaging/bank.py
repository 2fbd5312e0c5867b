"""The bank: several exponential moving averages of one model, in one flat buffer.

avg <- d avg + (1 - d) w after every optimizer step, from a copy of the initial weights on, over parameters and float
buffers; integer buffers are copied (timm's ModelEmaV2 averages and truncates them; torch's AveragedModel copies).
The model's own tensors are never replaced or aliased: an update packs copies of them into one flat fp32 tensor and
moves all K averages by one lerp, two kernel calls however many tensors the model has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Bank:
    """K averages of `model`, named ema_<decay>.

    averages: (K, P) float32, P the number of floats in parameters and float buffers.
    """

    def __init__(self, model: nn.Module, decays: Sequence[float]) -> None:
        self.names = [f"ema_{decay}" for decay in decays]
        self.model = model
        tensors = model.state_dict()
        self.keys = [key for key, value in tensors.items() if value.is_floating_point()]
        self.sources = [tensors[key] for key in self.keys]
        owned = dict(model.named_buffers(remove_duplicate=False))
        self.buffers = [
            (index, model.get_submodule(key.rpartition(".")[0])._buffers, key.rpartition(".")[2])
            for index, key in enumerate(self.keys)
            if key in owned
        ]
        self.flat = torch.cat([t.detach().float().flatten() for t in self.sources])
        self.packed = self._views(self.flat)
        self.averages = self.flat.repeat(len(decays), 1)
        self.weights = torch.tensor([1.0 - d for d in decays], dtype=torch.float32, device=self.flat.device)[:, None]

    def _views(self, flat: Tensor) -> list[Tensor]:
        """Pieces of a (P,) tensor, each with the shape of its source."""
        pieces = flat.split([t.numel() for t in self.sources])
        return [piece.view(t.shape) for piece, t in zip(pieces, self.sources, strict=True)]

    @torch.no_grad()
    def update(self) -> None:
        """Move every average towards the model's present weights."""
        for index, buffers, name in self.buffers:  # a module may have put a new tensor in a buffer's place
            self.sources[index] = buffers[name]
        torch._foreach_copy_(self.packed, self.sources)
        self.averages.lerp_(self.flat, self.weights)

    @torch.no_grad()
    def copy_into(self, name: str, twin: nn.Module) -> None:
        """Load average `name` into `twin`, a copy of the model that already holds its integer buffers."""
        target = twin.state_dict()
        row = self.averages[self.names.index(name)]
        for key, piece in zip(self.keys, self._views(row), strict=True):
            target[key].copy_(piece)

    @torch.no_grad()
    def load_state(self, views: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from the views of a checkpoint: {"ema_0.999": state_dict, ...}."""
        for index, name in enumerate(self.names):
            for key, piece in zip(self.keys, self._views(self.averages[index]), strict=True):
                piece.copy_(views[name][key])
