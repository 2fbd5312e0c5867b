"""Division at milestones: gamma ** (number of milestones reached).

He et al. 2015, arXiv 1512.03385, section 4.2: a tenth after 32k and again after 48k of 64k iterations, which are the
defaults as shares of the training. A milestone of 90 epochs is reached by the first step of epoch 90, counted from 0,
as in torch's MultiStepLR.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from annotated_types import Gt

from recipelab.core.durations import Timeline, parse
from recipelab.core.errors import UserError
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, mark

KEY = "scheduler.milestones"


def multistep(
    timeline: Timeline,
    *,
    milestones: Sequence[str] = ("50%", "75%"),
    gamma: Annotated[float, Gt(0)] = 0.1,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve.

    A warm-up rises to 1 whatever the milestones.

    milestones: increasing durations such as 90ep or 50%; those beyond the end of the training are never reached. By
        epochs a share of the training is a whole number of epochs, rounded down: 75% of E epochs is 3 * E // 4.
    gamma: the factor at each milestone.

    Raises UserError when a milestone is not a duration, or does not come after the one before.
    """
    for first, second in pairwise(milestones):
        if not _increases(timeline, first, second):
            raise UserError(
                f"{KEY}={list(milestones)} must increase, and {second} does not come after {first}"
                "\n  give them in the order of the training, each once"
            )
    marks = np.array([mark(timeline, milestone, KEY, interval) for milestone in milestones])

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        return gamma ** np.searchsorted(marks, steps, side="right").astype(np.float64)

    return curve(timeline, decay, warmup=warmup, interval=interval, warmup_start=warmup_start)


def _increases(timeline: Timeline, first: str, second: str) -> bool:
    """Compared as written where the units agree: in a training of a few steps 50% and 75% may be the same step."""
    (value, unit), (next_value, next_unit) = parse(first, KEY), parse(second, KEY)
    if unit == next_unit:
        return value < next_value
    return timeline.steps(first, KEY) <= timeline.steps(second, KEY)
