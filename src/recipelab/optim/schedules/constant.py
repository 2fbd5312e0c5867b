"""Constant learning rate, after an optional warm-up: 1."""

from __future__ import annotations

import numpy as np

from recipelab.core.durations import Timeline
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve


def constant(
    timeline: Timeline, *, warmup: str = "0st", interval: Interval = "step", warmup_start: WarmupStart = "zero"
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve."""
    return curve(
        timeline, lambda steps, warm: np.ones_like(steps), warmup=warmup, interval=interval, warmup_start=warmup_start
    )
