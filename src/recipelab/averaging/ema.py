"""Exponential moving averages: avg <- d avg + (1 - d) w, as weights w_t = 1 - d_t of a lerp after each step.

Polyak and Juditsky 1992; that it starts as a copy of the initial weights is timm's ModelEmaV2's. Until `start` an
average is a copy of the weights (timm's update_after_step, torch's AveragedModel with start=1st). Warm-ups bound the
decay of the t-th update: timm's ModelEmaV3, 1 - (1 + t/gamma)^-power with t from 0, gamma 1 and power 2/3, so that the
first update copies; TensorFlow's (1 + t) / (10 + t) with t from 1. Bias correction divides by the mass that the weights
since the start have, as Adam does (Kingma and Ba 2015): for a constant decay w_t = (1 - d) / (1 - d^t). With an
interval only every n-th step is taken in, with the decay as it is given, as in every peer; a half-life or a window is
one of the training, whatever the interval.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt

from recipelab.averaging.clock import Clock
from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError

DEFAULT_DECAY = 0.9995
Warmup = Literal["none", "timm", "tf"]


def half_life_of(decay: float) -> float:
    """Updates after which a weight counts half as much; 0 for a decay of 0."""
    return -math.log(2) / math.log(decay) if decay > 0 else 0.0


def decay_of_half_life(updates: float) -> float:
    """The decay of which `updates` are the half-life."""
    return 2.0 ** (-1.0 / updates) if updates > 0 else 0.0


def window_of(decay: float) -> float:
    """Updates of an even average of the same mass: 1 / (1 - d)."""
    return 1.0 / (1.0 - decay)


def decay_of_window(updates: float) -> float:
    """The decay whose window is `updates`; a window of at most one update is the weights themselves."""
    return 1.0 - 1.0 / updates if updates > 1 else 0.0


def bounded(decays: np.ndarray, warmup: Warmup) -> np.ndarray:
    """Decays of successive updates, (U,) float64, within those that a warm-up allows."""
    t = np.arange(len(decays), dtype=np.float64)
    if warmup == "timm":
        limit: np.ndarray = 1.0 - (1.0 + t) ** (-2.0 / 3.0)
        return np.asarray(np.minimum(decays, limit))
    if warmup == "tf":
        limit = (2.0 + t) / (11.0 + t)
        return np.asarray(np.minimum(decays, limit))
    return decays


def debiased(decays: np.ndarray) -> np.ndarray:
    """Weights (U,) of an average of decays (U,) that starts from nothing and is divided by its mass."""
    mass: np.ndarray = 1.0 - np.cumprod(decays)
    return np.asarray((1.0 - decays) / mass)


class Ema:
    """One exponential moving average.

    decay: of one update, in [0, 1); or half_life, or window: durations (2ep, 500st, 3%), window being 1 / (1 - d).
    start: until then the average is a copy. warmup: none, timm, tf. debias: bias correction. interval: steps from one
    update to the next.

    Raises UserError for more than one of decay, half_life and window, or a half-life or window of nothing.
    """

    def __init__(
        self,
        *,
        decay: Annotated[float, Ge(0), Lt(1)] | None = None,
        half_life: str | None = None,
        window: str | None = None,
        start: str = "0ep",
        warmup: Warmup = "none",
        debias: bool = False,
        interval: Annotated[int, Ge(1)] = 1,
    ) -> None:
        given = [v for v in (decay, half_life, window) if v is not None]
        if len(given) > 1:
            raise UserError(f"averaging: decay, half_life and window say the same: give one, not {given}")
        self.decay = DEFAULT_DECAY if not given else decay
        self.half_life, self.window = half_life, window
        self.start, self.warmup, self.debias, self.interval = start, warmup, debias, interval

    def per_update(self, timeline: Timeline) -> float:
        """The decay of one update. Raises UserError for a duration that is none, or nothing."""
        if self.decay is not None:
            return self.decay
        key = "half_life" if self.half_life is not None else "window"
        duration = self.half_life or self.window or ""
        steps = timeline.steps(duration, f"averaging.{key}")
        if steps < 1:
            raise UserError(f"averaging.{key}={duration} is less than a step of this training")
        decay_of = decay_of_half_life if key == "half_life" else decay_of_window
        return decay_of(steps / self.interval)

    def weights(self, clock: Clock) -> np.ndarray:
        """(T,) float64: the weight of the lerp after each step; 1 copies, 0 leaves the average as it is."""
        begun = clock.begun(self.start, "averaging.start")
        count = np.cumsum(begun)
        updates = begun & (count % self.interval == 0)
        decays = self._decays(clock, updates)
        decays = bounded(decays, self.warmup)
        weights = np.where(begun, 0.0, 1.0)
        weights[updates] = debiased(decays) if self.debias else 1.0 - decays
        return weights

    def _decays(self, clock: Clock, updates: np.ndarray) -> np.ndarray:
        """The decay of each update; a duration is one of samples, so a step of a grown batch decays by more."""
        decay = self.per_update(clock.timeline)
        if self.decay is not None:
            return np.full(int(updates.sum()), decay)
        return np.asarray(decay ** clock.lengths()[updates].astype(np.float64))

    def describe(self, clock: Clock) -> str:
        """Decay, half-life and window in words, and what of the initial weights is left at the end."""
        decay, timeline = self.per_update(clock.timeline), clock.timeline
        half, window = (f(decay) * self.interval for f in (half_life_of, window_of))
        every = f" every {self.interval} steps" if self.interval > 1 else ""
        left = float(np.prod(1.0 - self.weights(clock)))
        rest = f"; {left:.0%} of the initial weights are left at the end" if left >= 0.01 else ""
        return (
            f"decay {decay:.6g}{every}, half-life {in_words(half, timeline)}, window {in_words(window, timeline)}{rest}"
        )


def in_words(steps: float, timeline: Timeline) -> str:
    """A length in steps, epochs and share of the training."""
    epochs, share = steps / timeline.steps_per_epoch, steps / timeline.total_steps
    return f"{steps:,.4g} steps = {epochs:.3g} epochs = {share:.2%} of the run"
