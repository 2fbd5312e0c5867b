"""What the schedules share: a warm-up, and the choice of changing at every step or at every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from recipelab.core.durations import Timeline, parse
from recipelab.core.errors import UserError

Interval = Literal["step", "epoch"]
WarmupStart = Literal["zero", "first"]

# (steps as float64, warm-up steps) -> factors of the same shape; only those after the warm-up are used.
Decay = Callable[[np.ndarray, int], np.ndarray]


def curve(
    timeline: Timeline, decay: Decay, *, warmup: str, interval: Interval, warmup_start: WarmupStart = "zero"
) -> np.ndarray:
    """Factors (total_steps,) float64: the warm-up of w steps, then decay(s, w).

    warmup: a duration.
    interval: "step" changes at every optimizer step; "epoch" gives every step of an epoch the value of its first, so
        that with a warm-up from zero the whole first epoch has a learning rate of 0.
    warmup_start: "zero": s / w, which begins at a factor of exactly 0, as in jeonsworld's ViT-pytorch schedules (MIT).
        "first": (s + 1) / (w + 1) in units of the interval, which begins above 0.

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
    unit = {"zero": 0, "first": timeline.steps_per_epoch if interval == "epoch" else 1}[warmup_start]
    return np.where(steps < warm, (at + unit) / max(1, warm + unit), decay(at, warm))


def mark(timeline: Timeline, duration: str, key: str, interval: Interval) -> int:
    """The step at which `duration` has passed.

    By epochs a share of the training is rounded down to whole epochs, at least one: 25% of 10 epochs is 2, as
    `epochs // 4` is in trainings that count in epochs. Raises UserError naming `key` for what is no duration.
    """
    value, unit = parse(duration, key)
    if interval == "step" or unit != "%":
        return timeline.steps(duration, key)
    epochs = math.floor(value * timeline.total_steps / (100 * timeline.steps_per_epoch) + 1e-9)
    return max(1, epochs) * timeline.steps_per_epoch


def toward(minimum: float, factors: np.ndarray) -> np.ndarray:
    """Factors that fell from 1 to 0, made to fall from 1 to `minimum`; untouched for a minimum of 0."""
    return minimum + (1.0 - minimum) * factors if minimum else factors
