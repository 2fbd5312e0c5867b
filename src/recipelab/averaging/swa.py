"""Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407): the mean of the weights at regular moments.

After `start`, which by default is 75 % of the training as in the paper, the weights at that moment and after every
further period are averaged evenly: w = 1/n for the n-th. Until then the average is a copy. The paper trains on with a
constant or a cyclical learning rate meanwhile: scheduler=swa, and recipe=swa for both. Batch statistics are those of
averaging.buffers; the paper recomputes them (averaging.buffers=recompute).
"""

from __future__ import annotations

import numpy as np

from recipelab.averaging.clock import Clock
from recipelab.core.durations import parse
from recipelab.core.errors import UserError


def evenly(taken: np.ndarray) -> np.ndarray:
    """Weights (T,) float64 of an even mean of what is taken in where `taken`, (T,) bool."""
    return np.where(taken, 1.0 / np.maximum(1, np.cumsum(taken)), 0.0)


class Swa:
    """An even mean of the weights at `start` and after every further `every`, which are durations.

    Raises UserError for durations that are none.
    """

    def __init__(self, *, start: str = "75%", every: str = "1ep") -> None:
        parse(start, "averaging.start")
        if parse(every, "averaging.every")[0] <= 0:
            raise UserError(f"averaging.every={every}: a period must be longer than nothing")
        self.start, self.every = start, every

    def _taken(self, clock: Clock) -> np.ndarray:
        return clock.due(self.every, "averaging.every", self.start)

    def weights(self, clock: Clock) -> np.ndarray:
        """(T,) float64: the weight of the lerp after each step."""
        taken = self._taken(clock)
        return np.where(np.cumsum(taken) == 0, 1.0, evenly(taken))

    def describe(self, clock: Clock) -> str:
        """When it begins and what it averages, in words."""
        taken = self._taken(clock)
        if not taken.any():
            return f"begins at {self.start}, after the end: a copy of the weights"
        return f"the mean of {int(taken.sum())} weights, every {self.every} from step {int(taken.argmax()) + 1:,} on"
