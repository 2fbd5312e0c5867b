"""The schedule's factors, put into an optimizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def apply(optimizer: torch.optim.Optimizer, factors: np.ndarray, step: int, base_lrs: Sequence[float]) -> None:
    """Set each parameter group's learning rate for `step`: its base times factors[step], a Python float.

    factors: (total_steps,) float64, from a schedule.
    base_lrs: one learning rate a group, in the optimizer's order, as the recipe gave them.
    """
    factor = factors.item(step)
    for group, base in zip(optimizer.param_groups, base_lrs, strict=True):
        group["lr"] = base * factor
