"""What a schedule says of a step, put into an optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from recipelab.core.errors import UserError


class Factors(Protocol):
    """A factor on the learning rate for every step: a (total_steps,) array, or a schedule with a state."""

    def __len__(self) -> int: ...

    def item(self, step: int, /) -> float:
        """The factor of step `step`, counted from 0."""


def courses(schedule: Any, optimizer: torch.optim.Optimizer) -> tuple[Factors, np.ndarray | None]:
    """Factors on the learning rate, and (total_steps,) momentum or None, of what a scheduler slot built.

    schedule: (total_steps,) factors; (total_steps, 2), each with the momentum of its step; or a schedule with a state.

    Raises UserError when it sets the momentum of an optimizer that has none.
    """
    if getattr(schedule, "ndim", 1) == 1:
        return schedule, None
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise UserError(
            f"scheduler.cycle_momentum=true: {type(optimizer).__name__} has no momentum to be cycled"
            "\n  set scheduler.cycle_momentum=false, or choose another optimizer"
        )
    return schedule[:, 0], schedule[:, 1]


def apply(optimizer: torch.optim.Optimizer, factors: Factors, step: int, base_lrs: Sequence[float]) -> None:
    """Set each parameter group's learning rate for `step`: its base times the factor of `step`, a Python float.

    base_lrs: one learning rate a group, in the optimizer's order, as the recipe gave them.
    """
    factor = factors.item(step)
    for group, base in zip(optimizer.param_groups, base_lrs, strict=True):
        group["lr"] = base * factor


def set_momentum(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set each parameter group's momentum, or the first of its betas."""
    for group in optimizer.param_groups:
        if "betas" in group:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value
