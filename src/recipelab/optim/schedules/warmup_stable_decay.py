"""Warmup-stable-decay: constant after the warm-up, and a decay to the minimum in the last part.

Hu et al. 2024, "MiniCPM", arXiv 2404.06395. The default decay is 1 - sqrt(p) over the last 20 %, which Haegele et al.
2024, arXiv 2405.18392, found to be as good as a cosine of the same length.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.optim.schedules.curve import Interval, WarmupStart, curve, toward

SHAPES = {
    "one_minus_sqrt": lambda p: 1.0 - np.sqrt(p),
    "linear": lambda p: 1.0 - p,
    "cosine": lambda p: 0.5 * (1.0 + np.cos(np.pi * p)),
}


def warmup_stable_decay(
    timeline: Timeline,
    *,
    decay: str = "20%",
    shape: Literal["one_minus_sqrt", "linear", "cosine"] = "one_minus_sqrt",
    minimum: Annotated[float, Ge(0), Le(1)] = 0.0,
    warmup: str = "0st",
    interval: Interval = "step",
    warmup_start: WarmupStart = "zero",
) -> np.ndarray:
    """Factors (total_steps,) float64; warmup, interval and warmup_start as in curve.

    decay: duration of the last part. shape: its form. minimum: the factor that it falls to.

    Raises UserError when decay is not a duration, or warm-up and decay are longer than the training.
    """
    total = timeline.total_steps
    last = timeline.steps(decay, "scheduler.decay")
    if last + timeline.steps(warmup, "scheduler.warmup") > total:
        raise UserError(
            f"scheduler.decay={decay} and scheduler.warmup={warmup} are longer than the training of {total} steps"
            "\n  shares such as 20% and 5% follow the training"
        )

    def fall(steps: np.ndarray, warm: int) -> np.ndarray:
        progress = np.clip((steps - (total - last)) / max(1, last), 0.0, 1.0)
        return toward(minimum, SHAPES[shape](progress))

    return curve(timeline, fall, warmup=warmup, interval=interval, warmup_start=warmup_start)
