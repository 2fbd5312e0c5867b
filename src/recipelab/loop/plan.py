"""The plan of a training in steps: when an epoch ends, what is due when. Made once, before step 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recipelab.core.durations import Timeline


@dataclass(frozen=True)
class Plan:
    """Steps are optimizer steps, counted from 1 when taken; `step` below is the number already taken.

    samples: samples of one epoch. batch_size: samples of one forward, over all processes. accumulate: forwards of one
    step.
    """

    timeline: Timeline
    samples: int
    batch_size: int
    accumulate: int
    evaluate_every: int
    checkpoint_every: int
    averages_every: int
    keep: frozenset[int]

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.timeline.total_steps

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch, the last partial batch included."""
        return self.timeline.steps_per_epoch

    def epoch_of(self, step: int) -> int:
        """The epoch, from 0, that the step after `step` steps belongs to."""
        return step // self.steps_per_epoch

    def epoch_start(self, epoch: int) -> int:
        """Steps before epoch `epoch`."""
        return epoch * self.steps_per_epoch

    def epochs(self, step: int) -> float:
        """Epochs in `step` steps."""
        return step / self.steps_per_epoch

    def batch_size_in(self, epoch: int) -> int:
        """Samples of one forward in epoch `epoch`."""
        return self.batch_size

    def between_epochs(self, step: int) -> bool:
        """Whether `step` steps end an epoch."""
        return step == self.epoch_start(self.epoch_of(step))

    def epoch_end(self, step: int) -> bool:
        """Whether `step` steps end an epoch, or the training."""
        return self.between_epochs(step) or step == self.total

    def evaluation_due(self, step: int) -> bool:
        """Whether the validation split is evaluated after `step` steps."""
        return step % self.evaluate_every == 0 or step == self.total

    def averages_due(self, step: int) -> bool:
        """Whether the averages are evaluated after `step` steps."""
        return step % self.averages_every == 0 or step == self.total

    def row_due(self, step: int) -> bool:
        """Whether a row of metrics is written after `step` steps."""
        return step > 0 and (self.epoch_end(step) or self.evaluation_due(step) or self.averages_due(step))

    def checkpoint_due(self, step: int) -> bool:
        """Whether last.pt is written after `step` steps."""
        return step > 0 and (step % self.checkpoint_every == 0 or step == self.total)

    def next_boundary(self, step: int) -> int:
        """The next step count after `step` at which anything is due."""
        periods = (self.steps_per_epoch, self.evaluate_every, self.averages_every, self.checkpoint_every)
        later = [min((step // period + 1) * period, self.total) for period in periods]
        return min([*later, *(kept for kept in self.keep if kept > step)])

    def done(self) -> np.ndarray:
        """Steps of the timeline that are done after each step, (total,) int64."""
        return np.arange(1, self.total + 1)

    def position(self, step: int) -> int:
        """Position in its epoch's order of the first sample of the step after `step` steps."""
        return (step % self.steps_per_epoch) * self.batch_size * self.accumulate

    def samples_seen(self, step: int) -> int:
        """Samples trained on in `step` steps."""
        return step // self.steps_per_epoch * self.samples + min(self.position(step), self.samples)

    def shortened(self, steps: int) -> Plan:
        """The first `steps` steps of this plan, with an evaluation and a checkpoint halfway."""
        total = min(steps, self.total)
        half = max(1, total // 2)
        timeline = replace(self.timeline, total_steps=total)
        return replace(self, timeline=timeline, evaluate_every=half, averages_every=half, checkpoint_every=half)


def make_plan(trainer: Any, samples: int, processes: int = 1, averages_every: str | None = None) -> Plan:
    """The plan of a trainer section over `samples` training samples. Raises UserError for a bad duration.

    averages_every: how often averages are evaluated; None: whenever the raw weights are.
    """
    batch_size = trainer.batch_size * processes
    steps_per_epoch = -(-samples // (batch_size * trainer.accumulate))
    total = trainer.steps if trainer.steps is not None else trainer.epochs * steps_per_epoch
    timeline = Timeline(steps_per_epoch=steps_per_epoch, total_steps=total)
    return Plan(
        timeline=timeline,
        samples=samples,
        batch_size=batch_size,
        accumulate=trainer.accumulate,
        evaluate_every=timeline.every(trainer.evaluate_every, "trainer.evaluate_every"),
        averages_every=timeline.every(averages_every or trainer.evaluate_every, "averaging.evaluate_every"),
        checkpoint_every=timeline.every(trainer.checkpoint_every, "trainer.checkpoint_every"),
        keep=frozenset(timeline.steps(moment, "trainer.checkpoint_at") for moment in trainer.checkpoint_at),
    )
