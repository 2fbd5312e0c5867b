"""What a model weighs: parameters, buffers, and the operations of one forward."""

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
    """

    name: str
    type: str
    output_shape: tuple[int, ...] | None
    parameters: int
    flops: int


@dataclass(frozen=True)
class Summary:
    """Sizes of a model, in elements; parameters that are shared count once.

    trainable, parameters: those that require a gradient, and all of them.
    buffers: elements that are saved or kept but not trained, such as batch statistics.
    flops: floating-point operations of one forward of one image: convolutions and matrix products, a multiplication
        and an addition counted as two; normalisation, activations and pooling are not counted.
    """

    type: str
    trainable: int
    parameters: int
    buffers: int
    flops: int
    rows: tuple[Row, ...]

    def table(self) -> list[tuple[str, str, str, str, str]]:
        """Rows of text: a heading, one row a child, the total."""
        lines = [("layer", "type", "output", "parameters", "FLOPs")]
        for row in self.rows:
            shape = "" if row.output_shape is None else "x".join(map(str, row.output_shape))
            lines.append((row.name, row.type, shape, f"{row.parameters:,}", f"{row.flops:,}"))
        return [*lines, ("total", self.type, "", f"{self.parameters:,}", f"{self.flops:,}")]


def summary(model: nn.Module, image_size: tuple[int, ...], input_channels: int) -> Summary:
    """Measure `model` on one blank image (1, input_channels, *image_size).

    The forward runs on a copy, on the CPU, in evaluation mode; neither the model nor torch's generators change.
    """
    twin = copy.deepcopy(model).to("cpu", torch.float32).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for name, child in twin.named_children():
        child.register_forward_hook(_note_shape(shapes, name))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), counter:
        twin(torch.zeros(1, input_channels, *image_size))
    flops = counter.get_flop_counts()
    rows = tuple(
        Row(
            name=name,
            type=type(child).__name__,
            output_shape=shapes.get(name),
            parameters=_elements(child.parameters()),
            flops=sum(flops.get(f"{type(twin).__name__}.{name}", {}).values()),
        )
        for name, child in twin.named_children()
    )
    return Summary(
        type=type(twin).__name__,
        trainable=_elements(p for p in twin.parameters() if p.requires_grad),
        parameters=_elements(twin.parameters()),
        buffers=_elements(twin.buffers()),
        flops=counter.get_total_flops(),
        rows=rows,
    )


def _elements(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _note_shape(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[[nn.Module, object, object], None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape[1:])

    return hook
