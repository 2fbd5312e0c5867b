"""Cosine annealing to 0: (1 + cos(2 pi cycles p)) / 2 with p = (s - w) / (T - w).

Loshchilov and Hutter 2016, "SGDR", arXiv 1608.03983, without restarts for cycles = 0.5 (T steps in all, a warm-up of
w). As in jeonsworld's ViT-pytorch (MIT), WarmupCosineSchedule: more cycles rise again smoothly, without a restart.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from recipelab.core.durations import Timeline
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, toward


def cosine(
    timeline: Timeline,
    *,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
    cycles: Annotated[float, Gt(0)] = 0.5,
    minimum: Annotated[float, Ge(0), Le(1)] = 0.0,
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve.

    cycles: periods of the cosine in the training; 0.5 falls once from 1 to 0.
    minimum: the least factor; 0 in most publications.
    """
    total = timeline.total_steps

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        progress = (steps - warm) / max(1, total - warm)
        return toward(minimum, np.maximum(0.0, 0.5 * (1.0 + np.cos(np.pi * 2.0 * cycles * progress))))

    return curve(timeline, decay, warmup=warmup, interval=interval, warmup_start=warmup_start)
