"""What a model weighs: parameters, buffers, the operations of one forward, and the activations a backward needs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Row:
    """One direct child of the model.

    output_shape: without the batch; None when it was not called, or returned no tensor.
    parameters: number of elements, frozen ones included.
    flops: of one forward of one image.
    activations: bytes in float32 that one image's forward keeps for the backward.
    """

    name: str
    type: str
    output_shape: tuple[int, ...] | None
    parameters: int
    flops: int
    activations: int = 0


@dataclass(frozen=True)
class Summary:
    """Sizes of a model, in elements; parameters that are shared count once.

    trainable, parameters: those that require a gradient, and all of them.
    buffers: elements that are saved or kept but not trained, such as batch statistics.
    flops: floating-point operations of one forward of one image: convolutions and matrix products, a multiplication
        and an addition counted as two; normalisation, activations and pooling are not counted.
    activations: bytes in float32 that a forward keeps for the backward, for one image: what autograd saves, less the
        parameters. Half of it in bf16; the peak of a training is higher, by gradients and work space.
    rows: children that do something; those that only hand on are left out.
    """

    type: str
    trainable: int
    parameters: int
    buffers: int
    flops: int
    rows: tuple[Row, ...]
    activations: int = 0

    def table(self) -> list[tuple[str, str, str, str, str, str]]:
        """Rows of text: a heading, one row a child, the total."""
        lines = [("layer", "type", "output", "parameters", "FLOPs", "activations")]
        for row in self.rows:
            shape = "" if row.output_shape is None else "x".join(map(str, row.output_shape))
            sizes = (f"{row.parameters:,}", f"{row.flops:,}", f"{row.activations / 2**20:.2f} MiB")
            lines.append((row.name, row.type, shape, *sizes))
        total = (f"{self.parameters:,}", f"{self.flops:,}", f"{self.activations / 2**20:.2f} MiB")
        return [*lines, ("total", self.type, "", *total)]

    def plain(self) -> dict[str, object]:
        """As it stands in the record: totals, and the rows under `stages`."""
        rows = [{**vars(row), "output_shape": list(row.output_shape or ())} for row in self.rows]
        totals = {key: value for key, value in vars(self).items() if key != "rows"}
        return {**totals, "stages": rows}


def summary(model: nn.Module, image_size: tuple[int, ...], input_channels: int) -> Summary:
    """Measure `model` on one blank image (1, input_channels, *image_size).

    The forwards run on a copy, on the CPU, in evaluation mode; neither the model nor torch's generators change.
    """
    twin = copy.deepcopy(model).to("cpu", torch.float32).eval()
    image = torch.zeros(1, input_channels, *image_size)
    children = {name: child for name, child in twin.named_children() if not isinstance(child, nn.Identity)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, child in children.items():
        child.register_forward_hook(_note_shape(shapes, name))
    counter = FlopCounterMode(display=False)
    with torch.random.fork_rng(devices=[]):
        with torch.no_grad(), counter:
            twin(image)
        kept = saved_bytes(twin, children, image)
    flops = counter.get_flop_counts()
    rows = tuple(
        Row(
            name=name,
            type=type(child).__name__,
            output_shape=shapes.get(name),
            parameters=_elements(child.parameters()),
            flops=sum(flops.get(f"{type(twin).__name__}.{name}", {}).values()),
            activations=kept.get(name, 0),
        )
        for name, child in children.items()
    )
    return Summary(
        type=type(twin).__name__,
        trainable=_elements(p for p in twin.parameters() if p.requires_grad),
        parameters=_elements(twin.parameters()),
        buffers=_elements(twin.buffers()),
        flops=counter.get_total_flops(),
        rows=rows,
        activations=sum(kept.values()),
    )


def saved_bytes(model: nn.Module, children: dict[str, nn.Module], image: Tensor) -> dict[str, int]:
    """Bytes that a forward of `image` saves for the backward, by the child that saves them ("" outside of any).

    A tensor that several operations save counts once; parameters and buffers do not count.
    """
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    seen, running, kept = set(own), [""], {"": 0}
    alive: list[Tensor] = []  # a storage that were freed could come back at the same address

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            alive.append(tensor.detach())
            kept[running[-1]] = kept.get(running[-1], 0) + storage.nbytes()
        return tensor

    hooks = []
    for name, child in children.items():
        hooks.append(child.register_forward_pre_hook(lambda *_, name=name: running.append(name)))
        hooks.append(child.register_forward_hook(lambda *_: (running.pop(), None)[1]))
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model(image)
    for hook in hooks:
        hook.remove()
    return kept


def _elements(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _note_shape(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[[nn.Module, object, object], None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape[1:])

    return hook
