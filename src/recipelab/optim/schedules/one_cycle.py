"""One cycle: the learning rate up to its base and down to nearly nothing, momentum the other way round.

Smith and Topin 2017, "Super-convergence", arXiv 1708.07120, in fastai's two-phase form, as torch's OneCycleLR, whose
defaults these are: from lr / 25 to lr in the first 30 %, then to lr / 25 / 10^4; momentum from 0.95 to 0.85 and back.
The optimizer's lr is the highest; its momentum (betas[0] where it has betas) is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt, Lt

from recipelab.core.durations import Timeline
from recipelab.optim.options import Betas

Phase = tuple[float, float, float]  # its last step, and what it goes from and to
Blend = Callable[[np.ndarray, float, float], np.ndarray]


def one_cycle(
    timeline: Timeline,
    *,
    warmup_share: Annotated[float, Gt(0), Lt(1)] = 0.3,
    div_factor: Annotated[float, Gt(0)] = 25.0,
    final_div_factor: Annotated[float, Gt(0)] = 1e4,
    anneal: Literal["cosine", "linear"] = "cosine",
    cycle_momentum: bool = True,
    momentum_range: Betas = (0.85, 0.95),
) -> np.ndarray:
    """Factors (total_steps,) float64, or (total_steps, 2): with each factor the momentum of its step.

    warmup_share: part of the training in which the rate rises (torch's pct_start).
    div_factor: the first rate is lr / div_factor; final_div_factor: the last is that divided once more.
    cycle_momentum: momentum falls while the rate rises; momentum_range: its least and greatest value.
    """
    total = timeline.total_steps
    steps = np.arange(total, dtype=np.float64)
    peak, end = warmup_share * total - 1, float(total - 1)
    first = 1.0 / div_factor
    blend = _cosine if anneal == "cosine" else _linear
    factors = _phases(steps, blend, (peak, first, 1.0), (end, 1.0, first / final_div_factor))
    if not cycle_momentum:
        return factors
    least, most = momentum_range
    return np.stack([factors, _phases(steps, blend, (peak, most, least), (end, least, most))], axis=1)


def _phases(steps: np.ndarray, blend: Blend, rise: Phase, fall: Phase) -> np.ndarray:
    """The value at each step of two phases, one after the other."""
    (middle, a, b), (end, c, d) = rise, fall
    up = blend(steps / middle if middle > 0 else np.ones_like(steps), a, b)
    down = blend((steps - middle) / (end - middle) if end > middle else np.ones_like(steps), c, d)
    return np.where(steps <= middle, up, down)


def _cosine(progress: np.ndarray, start: float, end: float) -> np.ndarray:
    return end + (start - end) / 2.0 * (1.0 + np.cos(np.pi * progress))


def _linear(progress: np.ndarray, start: float, end: float) -> np.ndarray:
    return (end - start) * progress + start
