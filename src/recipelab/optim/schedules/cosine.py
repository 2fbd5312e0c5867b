"""Cosine annealing to 0: (1 + cos(2 pi cycles p)) / 2 with p = (s - w) / (T - w).

Loshchilov and Hutter 2016, "SGDR", arXiv 1608.03983, without restarts for cycles = 0.5 (T steps in all, a warm-up of
w). As in jeonsworld's ViT-pytorch (MIT), WarmupCosineSchedule: more cycles rise again smoothly, without a restart.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from recipelab.core.durations import Timeline
from recipelab.optim.schedules.curve import Interval, curve


def cosine(
    timeline: Timeline, *, warmup: str = "0st", interval: Interval = "step", cycles: Annotated[float, Gt(0)] = 0.5
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup and interval as in curve.

    cycles: periods of the cosine in the training; 0.5 falls once from 1 to 0.
    """
    total = timeline.total_steps

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        progress = (steps - warm) / max(1, total - warm)
        return np.maximum(0.0, 0.5 * (1.0 + np.cos(np.pi * 2.0 * cycles * progress)))

    return curve(timeline, decay, warmup=warmup, interval=interval)
