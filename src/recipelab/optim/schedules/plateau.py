"""Reduction on a plateau: the learning rate times `factor` when a metric has not improved for `patience` evaluations.

The rule of torch's ReduceLROnPlateau: a value is better when it beats the best by a share of `threshold`; after more
than `patience` evaluations without, the rate falls, and `cooldown` evaluations are not counted. The only schedule with
a state, which checkpoints carry. During the warm-up nothing is counted. Defaults are torch's, on validation accuracy
(under regression on the mean absolute error).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from recipelab.core.durations import Timeline
from recipelab.core.watch import Mode, Watch
from recipelab.optim.schedules.constant import constant
from recipelab.optim.schedules.curve import Interval, WarmupStart


class ReduceOnPlateau:
    """Factors of the warm-up times a scale that falls; `item(step)` is the present factor of a step.

    metric, view, mode: what is watched (core/watch.py); auto: the metric of the task, which a run settles. A view other
        than raw makes averaging part of the training.
    factor: of each reduction. patience: evaluations without a better value that are borne.
    threshold: share of the best value by which a better one beats it. cooldown: evaluations not counted after each.
    minimum: the least factor on the base learning rate.
    """

    def __init__(  # noqa: PLR0913 - each is an option of the recipe
        self,
        timeline: Timeline,
        *,
        metric: str = "auto",
        view: str = "raw",
        mode: Mode = "auto",
        factor: Annotated[float, Gt(0), Lt(1)] = 0.1,
        patience: Annotated[int, Ge(0)] = 10,
        threshold: Annotated[float, Ge(0)] = 1e-4,
        cooldown: Annotated[int, Ge(0)] = 0,
        minimum: Annotated[float, Ge(0), Le(1)] = 0.0,
        warmup: str = "0st",
        interval: Interval = "step",
        warmup_start: WarmupStart = "zero",
    ) -> None:
        self.watch = Watch(metric, view, mode)
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.minimum = cooldown, minimum
        self.course = constant(timeline, warmup=warmup, interval=interval, warmup_start=warmup_start)
        self.warm = timeline.steps(warmup, "scheduler.warmup")
        self.scale, self.bad, self.resting = 1.0, 0, 0

    def __len__(self) -> int:
        return len(self.course)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The course before any reduction that is still to come, (total_steps,)."""
        return np.asarray(self.course * self.scale, dtype=dtype)

    def item(self, step: int) -> float:
        """The factor of step `step`, as far as is known now."""
        return float(self.course.item(step)) * self.scale

    def along(self, steps: np.ndarray, scale: np.ndarray) -> ReduceOnPlateau:
        """This schedule for steps that stand at `steps` of its timeline, each factor times `scale`; both (S,)."""
        self.warm = int(np.searchsorted(steps, self.warm))
        self.course = self.course[steps] * scale
        return self

    def observe(self, row: Mapping[str, Any], step: int) -> None:
        """Take a row of metrics after `step` steps; rows without the metric are passed over."""
        better = self.watch.improved(row, least=self.threshold, relative=True)
        if better is None or step < self.warm:
            return
        self.bad = 0 if better else self.bad + 1
        if self.resting:
            self.resting -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.scale = max(self.scale * self.factor, self.minimum)
            self.resting, self.bad = self.cooldown, 0

    def state(self) -> dict[str, Any]:
        """What going on needs, in plain numbers."""
        return {"best": self.watch.best, "scale": self.scale, "bad": self.bad, "resting": self.resting}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.watch.best = state["best"]
        self.scale, self.bad, self.resting = state["scale"], state["bad"], state["resting"]
