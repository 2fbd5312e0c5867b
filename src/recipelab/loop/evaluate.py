"""Evaluation of one view on one split: every sample once, in order, metrics computed once at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recipelab.core.batch import Batch
from recipelab.loop.device import Device


class Metrics(Protocol):
    """What an evaluation fills: `recipelab.metrics.meters.Metrics`, or one meter of it."""

    def update(self, outputs: Tensor, targets: Tensor) -> None: ...
    def compute(self) -> dict[str, float | list[float]]: ...


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    batches: Iterable[Batch],
    metrics: Metrics,
    device: Device,
    stopped: Callable[[], bool] = lambda: False,
    keep: Callable[[Tensor, Tensor, Any], object] | None = None,
) -> dict[str, float | list[float]] | None:
    """Metrics of `model`, which is in eval mode, over `batches`; None when `stopped` said so on the way.

    Of several ranks each evaluates its share; what they counted is added up, and all get the same metrics.
    keep: takes the outputs, targets and places in the split (`Batch.rows`) of every batch, for the ledger.
    """
    for batch in batches:
        if stopped():
            return None
        if not len(batch.target.first):
            continue
        with device.autocast():
            logits = model(batch.images)
        metrics.update(logits, batch.target.first)
        if keep is not None:
            keep(logits, batch.target.first, batch.rows)
    device.ranks.reduce(metrics)
    return metrics.compute()


@torch.inference_mode()
def outputs(model: nn.Module, batches: Iterable[Tensor], device: Device) -> Tensor:
    """What `model`, in eval mode, gives for every sample, in order: (N, K) float32 on the device.

    batches: normalised images (B, C, *S) on the device, of any sizes B.
    """
    kept = []
    for images in batches:
        with device.autocast():
            found: Tensor = model(images)
        kept.append(found.float())
    return torch.cat(kept)
