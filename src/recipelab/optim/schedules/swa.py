"""The learning rates of stochastic weight averaging: a fall to a rate that goes on, constant or in cycles.

Izmailov et al. 2018, arXiv 1803.05407. Until `start` the form of their CIFAR trainings: constant for half of it, linear
down to the averaging rate until nine tenths, then that rate. After it, their constant schedule, or the cyclical one of
section 3.1: in the i-th step of a cycle of c steps, i from 1, the rate is (1 - i/c) a1 + (i/c) a2. Goes with
averaging=swa, whose start and period are `start` and the cycle.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Le

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.optim.schedules.curve import Interval, curve


def swa(
    timeline: Timeline,
    *,
    start: str = "75%",
    factor: Annotated[float, Gt(0), Le(1)] = 0.5,
    cycle: str | None = None,
    low: Annotated[float, Gt(0), Le(1)] | None = None,
    warmup: str = "0st",
    interval: Interval = "step",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup and interval as in curve.

    start: duration after which weights are averaged. factor: the averaging rate, of the base rate (0.5: 0.05 for 0.1,
    their ResNets on CIFAR-100). cycle: duration of a cycle, each from `factor` down to `low`; None: constant.

    Raises UserError for durations that are none, and for one of cycle and low without the other.
    """
    if (cycle is None) != (low is None):
        raise UserError("scheduler.cycle and scheduler.low go together: the length of a cycle, and where it ends")
    begin = timeline.steps(start, "scheduler.start")
    length = timeline.every(cycle, "scheduler.cycle") if cycle is not None else 1

    def rates(steps: np.ndarray, warm: int) -> np.ndarray:
        share = np.clip((steps / max(1, begin) - 0.5) / 0.4, 0.0, 1.0)
        fall = 1.0 - (1.0 - factor) * share
        part = ((steps - begin) % length + 1) / length
        after = factor if low is None else (1 - part) * factor + part * low
        return np.where(steps < begin, fall, after)

    return curve(timeline, rates, warmup=warmup, interval=interval)
