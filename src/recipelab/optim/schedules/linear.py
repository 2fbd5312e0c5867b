"""Linear decay to 0: (T - s) / (T - w), with T steps in all and a warm-up of w.

The last step, s = T - 1, has 1 / (T - w), not 0. As in jeonsworld's ViT-pytorch (MIT), WarmupLinearSchedule.
"""

from __future__ import annotations

import numpy as np

from recipelab.core.durations import Timeline
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve


def linear(
    timeline: Timeline, *, warmup: str = "0st", interval: Interval = "step", warmup_start: WarmupStart = "zero"
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve."""
    total = timeline.total_steps

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        return np.maximum(0.0, (total - steps) / max(1, total - warm))

    return curve(timeline, decay, warmup=warmup, interval=interval, warmup_start=warmup_start)
