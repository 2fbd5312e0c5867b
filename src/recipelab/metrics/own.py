"""A metric of the user's: any torchmetrics.Metric, or what has its `update`, `compute` and `to`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.metrics.meters import Result, zeros


class Own:
    """A torchmetrics metric under a name.

    name: its column. metric: a new one; its `update(outputs, targets)` gets logits (B, K) in float32 and labels (B,),
        or outputs and targets (B, T), (B,) each where there is one target. What `compute` gives is one number or one a
        class.
    """

    def __init__(self, name: str, metric: Any, device: torch.device | str) -> None:
        self.name = name
        self.metric = metric.to(device)
        self.totals = zeros(0, device)
        self.kept: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Hand a batch on."""
        if targets.is_floating_point() and targets.shape[1] == 1:
            outputs, targets = outputs[:, 0], targets[:, 0]
        self.metric.update(outputs.float(), targets)

    def result(self, totals: NDArray[np.float64]) -> Result:
        """{name: number}, or {name_per_class: numbers}. Raises ValueError for what is neither."""
        value = torch.as_tensor(self.metric.compute()).double().cpu()
        if value.ndim > 1:
            raise ValueError(f"metric {self.name} gives {tuple(value.shape)}, not one number or one a class")
        return {self.name: float(value)} if value.ndim == 0 else {f"{self.name}_per_class": value.tolist()}
