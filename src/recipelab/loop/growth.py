"""A batch size that grows with the epochs: more samples a step, fewer steps an epoch.

Smith et al. 2018, "Don't decay the learning rate, increase the batch size", arXiv 1711.00489: their growth is by 5 at
the milestones at which others divide the learning rate. Everything else is planned in steps of the first batch size: a
schedule, an evaluation or a checkpoint at base step b happens at the first step that has seen as many samples.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from recipelab.core.errors import UserError
from recipelab.loop.plan import Plan

SCALES = {"keep": 0.0, "linear": 1.0, "sqrt": 0.5}


@dataclass(frozen=True)
class GrowingPlan(Plan):
    """A plan whose `timeline` counts base steps, of the first batch size, and whose steps are the real ones.

    sizes: the batch size of each epoch. lr: how the learning rate follows it. cut: real steps to stop after, or None.
    """

    sizes: tuple[int, ...] = ()
    lr: str = "keep"
    cut: int | None = None

    @cached_property
    def starts(self) -> list[int]:
        """The step at which each epoch begins, and the end."""
        steps = [-(-self.samples // (size * self.accumulate)) for size in self.sizes]
        return [0, *accumulate(steps)]

    @property
    def total(self) -> int:
        """Real steps of the whole training."""
        return self.starts[-1] if self.cut is None else self.cut

    def epoch_of(self, step: int) -> int:
        """The epoch, from 0, that the step after `step` steps belongs to."""
        return bisect_right(self.starts, step) - 1

    def epoch_start(self, epoch: int) -> int:
        """Steps before epoch `epoch`."""
        return self.starts[epoch]

    def epochs(self, step: int) -> float:
        """Epochs in `step` steps."""
        epoch, starts = self.epoch_of(step), self.starts
        if epoch == len(self.sizes):
            return float(epoch)
        return epoch + (step - starts[epoch]) / (starts[epoch + 1] - starts[epoch])

    def batch_size_in(self, epoch: int) -> int:
        """Samples of one forward in epoch `epoch`."""
        return self.sizes[min(epoch, len(self.sizes) - 1)]

    def evaluation_due(self, step: int) -> bool:
        """Whether the validation split is evaluated after `step` steps."""
        return self._passed(step, self.evaluate_every) or step == self.total

    def averages_due(self, step: int) -> bool:
        """Whether the averages are evaluated after `step` steps."""
        return self._passed(step, self.averages_every) or step == self.total

    def checkpoint_due(self, step: int) -> bool:
        """Whether last.pt is written after `step` steps."""
        return step > 0 and (self._passed(step, self.checkpoint_every) or step == self.total)

    def next_boundary(self, step: int) -> int:
        """The next step count after `step` at which anything is due."""
        later = step + 1
        while not (self.row_due(later) or self.checkpoint_due(later) or later in self.keep):
            later += 1
        return later

    def position(self, step: int) -> int:
        """Position in its epoch's order of the first sample of the step after `step` steps."""
        epoch = self.epoch_of(step)
        return (step - self.starts[epoch]) * self.batch_size_in(epoch) * self.accumulate

    def samples_seen(self, step: int) -> int:
        """Samples trained on in `step` steps."""
        return self.epoch_of(step) * self.samples + min(self.position(step), self.samples)

    def shortened(self, steps: int) -> Plan:
        """The first `steps` steps, with an evaluation and a checkpoint halfway."""
        cut = min(steps, self.total)
        half = max(1, cut // 2)
        return replace(self, cut=cut, evaluate_every=half, averages_every=half, checkpoint_every=half)

    def base_steps(self) -> np.ndarray:
        """The base step that each real step stands at, (total,) int64."""
        whole = self.starts[-1]
        return np.array([self._reached(step) // (self.batch_size * self.accumulate) for step in range(whole)])

    def done(self) -> np.ndarray:
        """Base steps that are done after each real step, (total,) int64."""
        return np.append(self.base_steps()[1:], len(self.sizes) * self.steps_per_epoch)[: self.total]

    def lr_scale(self) -> np.ndarray:
        """What the batch size adds to the schedule's factors in each epoch, (epochs,) float64."""
        return (np.array(self.sizes) / self.batch_size) ** SCALES[self.lr]

    def _reached(self, step: int) -> int:
        """Where `step` steps stand in samples, an epoch counting as whole base steps."""
        return self.epoch_of(step) * self.steps_per_epoch * self.batch_size * self.accumulate + self.position(step)

    def _passed(self, step: int, every: int) -> bool:
        """Whether the last of `step` steps has reached another multiple of `every` base steps."""
        period = every * self.batch_size * self.accumulate
        return step == 0 or self._reached(step) // period > self._reached(step - 1) // period


def grown(plan: Plan, schedule: Any, epochs: int | None) -> GrowingPlan:
    """`plan` with the batch sizes of a batch_schedule section.

    epochs: of the training. Raises UserError for a training given in steps, no growth at all, or a maximum below the
    first batch size.
    """
    if epochs is None:
        raise UserError("batch_schedule needs a length in epochs: give trainer.epochs, not trainer.steps")
    sizes = _sizes(plan, schedule, epochs)
    if len(set(sizes)) == 1:
        raise UserError(
            f"batch_schedule never changes the batch size of {plan.batch_size} in {epochs} epochs"
            "\n  give batch_schedule.milestones=[50%,75%] or batch_schedule.every=10ep within the training, and a"
            " batch_schedule.maximum above trainer.batch_size"
        )
    own = {field.name: getattr(plan, field.name) for field in fields(Plan)}
    new = GrowingPlan(**own, sizes=sizes, lr=schedule.lr)
    if not plan.keep:
        return new
    base = new.base_steps()
    return replace(new, keep=frozenset(int(np.searchsorted(base, step)) for step in plan.keep))


def _sizes(plan: Plan, schedule: Any, epochs: int) -> tuple[int, ...]:
    """The batch size of each epoch; a milestone within an epoch counts from the next on."""
    timeline, per_epoch = plan.timeline, plan.steps_per_epoch
    marks = [timeline.steps(mark, "batch_schedule.milestones") for mark in schedule.milestones]
    if schedule.every is not None:
        period = timeline.every(schedule.every, "batch_schedule.every")
        marks += range(period, timeline.total_steps, period)
    most = schedule.maximum or plan.samples
    reached = (sum(mark <= epoch * per_epoch for mark in marks) for epoch in range(epochs))
    return tuple(max(plan.batch_size, min(most, round(plan.batch_size * schedule.factor**k))) for k in reached)


def along(plan: Plan, schedule: Any) -> Any:
    """A schedule's factors, built over base steps, for the real steps of a growing plan; untouched for any other."""
    if not isinstance(plan, GrowingPlan):
        return schedule
    base, scale = plan.base_steps(), np.repeat(plan.lr_scale(), np.diff(plan.starts))
    if hasattr(schedule, "along"):
        return schedule.along(base, scale)
    factors = np.asarray(schedule)[base]
    return factors * scale if factors.ndim == 1 else np.stack([factors[:, 0] * scale, factors[:, 1]], axis=1)
