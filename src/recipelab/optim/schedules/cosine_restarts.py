"""Cosine annealing with warm restarts: (1 + cos(pi t / T_i)) / 2, t steps after the i-th restart.

Loshchilov and Hutter 2016, "SGDR", arXiv 1608.03983, equation 5; T_i = period * growth^i, as torch's
CosineAnnealingWarmRestarts. Defaults: the paper's T_0 = 10 epochs and T_mult = 2, of which 150 epochs are four
periods.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from recipelab.core.durations import Timeline, parse
from recipelab.core.errors import UserError
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, toward

KEY = "scheduler.period"


def cosine_restarts(
    timeline: Timeline,
    *,
    period: str = "10ep",
    growth: Annotated[int, Ge(1)] = 2,
    minimum: Annotated[float, Ge(0), Le(1)] = 0.0,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve. Periods begin after the warm-up.

    period: duration of the first period. growth: each is so many times as long as the one before.
    minimum: the least factor, approached at the end of each period.

    Raises UserError when the period is not a duration, or is zero.
    """
    if parse(period, KEY)[0] == 0:
        raise UserError(f"{KEY}={period} is no time at all\n  give the time to the first restart, such as 10ep")
    first = timeline.every(period, KEY)

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        at = np.maximum(0.0, steps - warm)
        lengths = [first]
        while sum(lengths) < timeline.total_steps:
            lengths.append(lengths[-1] * growth)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        index = np.searchsorted(starts, at, side="right") - 1
        progress = (at - starts[index]) / np.array(lengths + [1])[index]
        return toward(minimum, 0.5 * (1.0 + np.cos(np.pi * progress)))

    return curve(timeline, decay, warmup=warmup, interval=interval, warmup_start=warmup_start)
