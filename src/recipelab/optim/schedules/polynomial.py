"""Polynomial decay: (1 - p)^power, p from 0 after the warm-up to 1 at the end.

Power 0.9 is that of DeepLab (Chen et al. 2016, arXiv 1606.00915, section 4.1), 2 that of LARS (You et al. 2017, arXiv
1708.03888), 1 a line. The default, 1, is torch's PolynomialLR's.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from recipelab.core.durations import Timeline
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, toward


def polynomial(
    timeline: Timeline,
    *,
    power: Annotated[float, Gt(0)] = 1.0,
    minimum: Annotated[float, Ge(0), Le(1)] = 0.0,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve.

    power: exponent; above 1 falls steeply at first. minimum: the factor at the end.
    """
    total = timeline.total_steps

    def decay(steps: np.ndarray, warm: int) -> np.ndarray:
        left = np.clip((total - steps) / max(1, total - warm), 0.0, 1.0)
        return toward(minimum, left**power)

    return curve(timeline, decay, warmup=warmup, interval=interval, warmup_start=warmup_start)
