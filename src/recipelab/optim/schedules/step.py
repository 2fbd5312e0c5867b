"""Division at regular intervals: gamma ** floor(s / every).

Tan and Le 2019, "EfficientNet", arXiv 1905.11946, decay by 0.97 every 2.4 epochs; `every` of two epochs is the
default here, as torch's StepLR with step_size=2.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from recipelab.core.durations import Timeline, parse
from recipelab.core.errors import UserError
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, mark

KEY = "scheduler.every"


def step(
    timeline: Timeline,
    *,
    every: str = "2ep",
    gamma: Annotated[float, Gt(0)] = 0.97,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve.

    A warm-up does not delay the first division.

    every: duration between two divisions, rounded to at least one step; by epochs a share of the training is a whole
        number of epochs, rounded down: 25% of E epochs is E // 4.
    gamma: the factor at each.

    Raises UserError when `every` is not a duration, or is zero.
    """
    if parse(every, KEY)[0] == 0:
        raise UserError(f"{KEY}={every} is no time at all\n  give the time between two divisions, such as 2ep")
    period = max(1, mark(timeline, every, KEY, interval))
    return curve(
        timeline,
        lambda steps, warm: gamma ** np.floor(steps / period),
        warmup=warmup,
        interval=interval,
        warmup_start=warmup_start,
    )
