"""The steps of a training as averages count them: from durations to the steps at which something is due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipelab.core.durations import Timeline


@dataclass(frozen=True)
class Clock:
    """The steps of a training, before the first is taken.

    timeline: turns durations into base steps. done: (T,) int64, base steps done after each of the T steps; 1, 2, ...
    but where the batch size grows and a step is more than one base step.
    """

    timeline: Timeline
    done: np.ndarray

    @classmethod
    def of(cls, timeline: Timeline) -> Clock:
        """The clock of a training whose batch size stays."""
        return cls(timeline, np.arange(1, timeline.total_steps + 1))

    def begun(self, start: str, key: str) -> np.ndarray:
        """(T,) bool: the steps after the duration `start`. Raises UserError when it is no duration."""
        return np.concatenate([[0], self.done[:-1]]) >= self.timeline.steps(start, key)

    def due(self, every: str, key: str, start: str = "0st") -> np.ndarray:
        """(T,) bool: the steps that reach `start`, or a multiple of the period `every` after it; never 0 steps.

        Raises UserError when one of them is no duration.
        """
        past = self.done - self.timeline.steps(start, key)
        reached = np.where(past >= 0, past // self.timeline.every(every, key), -1)
        return np.diff(reached, prepend=0 if past[0] == self.done[0] else -1) > 0

    def epoch_ends(self) -> np.ndarray:
        """(T,) bool: the last step of each epoch."""
        return self.due("1ep", "averaging")

    def lengths(self) -> np.ndarray:
        """(T,) int64: base steps that each step is."""
        return np.diff(self.done, prepend=0)
