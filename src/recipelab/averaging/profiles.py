"""Profiles: how much of each step's weights is in an average of them.

Whatever moves as avg <- (1 - a) avg + a w, with a weight a of its own in every step, is at the end the sum of the
initial weights and those after each step, weighted by its profile; a profile sums to 1 (Karras et al. 2024, arXiv
2312.02696, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """The mean of the weights after each of the steps start + 1 to stop; of step `stop` alone where both are equal.

    Block(0, 0) are the initial weights, Block(T, T) those after step T.
    """

    start: int
    stop: int

    def profile(self, steps: int) -> Array:
        """(steps + 1,): of the initial weights, and of those after each step."""
        found = np.zeros(steps + 1)
        first = min(self.start + 1, self.stop)
        found[first : self.stop + 1] = 1 / (self.stop - first + 1)
        return found


def profile(weights: Array) -> Array:
    """(T + 1,) of an average that takes `weights` (T,), each in [0, 1], of the steps' weights, from the initial on."""
    kept = np.cumprod((1 - weights)[::-1])[::-1]  # what is left at the end of what was there before each step
    return np.concatenate([kept[:1], weights * np.concatenate([kept[1:], [1.0]])])
