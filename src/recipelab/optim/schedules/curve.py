"""What the schedules share: a warm-up, and the choice of changing at every step or at every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError

Interval = Literal["step", "epoch"]

# (steps as float64, warm-up steps) -> factors of the same shape; only those after the warm-up are used.
Decay = Callable[[np.ndarray, int], np.ndarray]


def curve(timeline: Timeline, decay: Decay, *, warmup: str, interval: Interval) -> np.ndarray:
    """Factors (total_steps,) float64: s / w in the warm-up of w steps, then decay(s, w).

    warmup: a duration; it begins at a factor of exactly 0, as in jeonsworld's ViT-pytorch schedules (MIT).
    interval: "step" changes at every optimizer step; "epoch" gives every step of an epoch the value of its first, so
        that with a warm-up the whole first epoch has a learning rate of 0.

    Raises UserError when the warm-up is not a duration, or leaves no step after it.
    """
    warm = timeline.steps(warmup, "scheduler.warmup")
    if warm >= timeline.total_steps:
        raise UserError(
            f"scheduler.warmup={warmup} is {warm} steps, and the training has {timeline.total_steps}"
            "\n  shorten the warm-up (a share such as 5% follows the training), or train longer"
        )
    steps = np.arange(timeline.total_steps)
    if interval == "epoch":
        steps -= steps % timeline.steps_per_epoch
    at = steps.astype(np.float64)
    return np.where(steps < warm, at / max(1, warm), decay(at, warm))
