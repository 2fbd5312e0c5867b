"""The end of a run: last and best checkpoint, every view, on train (not augmented), validation and, once, test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

Weights = Mapping[str, Mapping[str, Tensor]]


def open_lockbox(
    checkpoints: Mapping[str, Weights],
    steps: Mapping[str, Mapping[str, int]],
    load: Callable[[Mapping[str, Tensor]], nn.Module],
    measure: Callable[[nn.Module, str, str, int], dict[str, Any] | None],
    splits: Iterable[str],
) -> dict[str, dict[str, dict[str, Any]]] | None:
    """{split: {checkpoint: {view: metrics}}}; None when stopped on the way.

    checkpoints: name ("last", "best") -> view -> weights. steps: the step of each; a view's weights at one step are
    measured once.
    load: puts weights into the twin. measure: metrics of a model on a split; told its view and step.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {split: {} for split in splits}
    measured: dict[tuple[str, int], str] = {}
    for name, views in checkpoints.items():
        for by_checkpoint in found.values():
            by_checkpoint[name] = {}
        for view, weights in views.items():
            first = measured.setdefault((view, steps[name][view]), name)
            model = load(weights) if first == name else None
            for split, by_checkpoint in found.items():
                step = steps[name][view]
                metrics = by_checkpoint[first][view] if model is None else measure(model, split, view, step)
                if metrics is None:
                    return None
                by_checkpoint[name][view] = metrics
    return found
