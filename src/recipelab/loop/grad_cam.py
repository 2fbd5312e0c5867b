"""Grad-CAM: where in an image a convolutional network finds a class.

Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra 2017, Grad-CAM, arXiv 1610.02391, equations 1 and 2: the activations
A_k of a layer, each weighted by the mean over all places of the gradient of the class's logit, summed, and cut at 0.
The layer is the last one whose output still has places, as in the paper.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Layer:
    """A module's output: its `call`-th of a forward, from 0, (B, C, *shape). name: as named_modules has it."""

    name: str
    call: int
    shape: tuple[int, ...]


@torch.no_grad()
def last_spatial_layer(model: nn.Module, images: Tensor) -> Layer | None:
    """The last output with more than one place in a forward of images (B, C, *S); model in eval mode.

    None for a network with fewer than two convolutions whose outputs have places: a perceptron, or a transformer, whose
    only map is that of its patches.
    """
    found: list[Layer] = []
    convolutions = 0

    def note(name: str, module: nn.Module, call: int, output: Any) -> None:
        nonlocal convolutions
        if isinstance(output, Tensor) and output.ndim == images.ndim and output.shape[2:].numel() > 1:
            found.append(Layer(name, call, tuple(output.shape[2:])))
            convolutions += isinstance(module, _CONVOLUTIONS)

    with _watched(model, note):
        model(images)
    return found[-1] if convolutions > 1 else None


def grad_cam(model: nn.Module, layer: Layer, images: Tensor, classes: Tensor) -> Tensor:
    """(B, *layer.shape) float32 in [0, 1], each map over its largest value; 0 where nothing speaks for the class.

    model: in eval mode, in float32. images: (B, C, *S), normalised. classes: (B,) int64.
    """
    kept: list[Tensor] = []

    def cut(name: str, module: nn.Module, call: int, output: Any) -> Tensor | None:
        if (name, call) != (layer.name, layer.call):
            return None
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()  # what follows may work in place, which a leaf does not allow

    with torch.enable_grad(), _watched(model, cut):
        logits: Tensor = model(images)
        chosen = logits.gather(1, classes[:, None]).sum()  # of each sample its own: no sample sees another's
        (gradient,) = torch.autograd.grad(chosen, kept)
    places = tuple(range(2, gradient.ndim))
    maps = (gradient.mean(places, keepdim=True) * kept[0].detach()).sum(1).relu()
    most = maps.amax(tuple(range(1, maps.ndim)), keepdim=True)
    return maps / most.clamp(min=torch.finfo(maps.dtype).tiny)


@contextlib.contextmanager
def _watched(model: nn.Module, see: Callable[[str, nn.Module, int, Any], Any]) -> Iterator[None]:
    """Call `see` with every module's name, itself, the number of its call, and its output, which it may replace."""
    calls: dict[str, int] = {}

    def hook(name: str) -> Callable[..., Any]:
        def seen(module: nn.Module, inputs: Any, output: Any) -> Any:
            calls[name] = calls.get(name, -1) + 1
            return see(name, module, calls[name], output)

        return seen

    handles = [module.register_forward_hook(hook(name)) for name, module in model.named_modules() if name]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
