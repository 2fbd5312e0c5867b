"""The mean of the weights at the ends of the last k epochs: latest weight averaging (LAWA, Kaddour 2022, arXiv
2209.14981; k is 6 there, and 5 in what came before it: checkpoint averaging, Vaswani et al. 2017).

An even mean over a window that moves needs what leaves the window: k snapshots, each a row of the bank that is written
once every k periods. Until the first period has ended the average is a copy of the weights.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from recipelab.averaging.clock import Clock
from recipelab.core.durations import parse
from recipelab.core.errors import UserError


def snapshots(taken: np.ndarray, k: int) -> np.ndarray:
    """Weights (k, T) float64 of k rows that keep, in turn, the weights of the steps at which `taken`, (T,) bool."""
    turn = (np.cumsum(taken) - 1) % k
    rows: np.ndarray = (taken & (turn == np.arange(k)[:, None])).astype(np.float64)
    rows[0, np.cumsum(taken) == 0] = 1.0
    return rows


class LastK:
    """An even mean of the weights after the last `k` periods; every: the period, a duration.

    Raises UserError for a duration that is none.
    """

    def __init__(self, *, k: Annotated[int, Ge(1)] = 5, every: str = "1ep") -> None:
        if parse(every, "averaging.every")[0] <= 0:
            raise UserError(f"averaging.every={every}: a period must be longer than nothing")
        self.k, self.every = k, every

    def weights(self, clock: Clock) -> np.ndarray:
        """(k, T) float64: the weight of each row's lerp after each step; the average is the mean of rows in use."""
        return snapshots(clock.due(self.every, "averaging.every"), self.k)

    def describe(self, clock: Clock) -> str:
        """What it averages, in words."""
        return f"the mean of the last {self.k} weights, one every {self.every}; {self.k} rows of the bank"
