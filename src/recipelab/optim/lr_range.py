"""The learning-rate range test: raise the rate from step to step, and see where the loss falls and where it breaks.

Smith 2015, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section 3.3; exponential, with a
smoothed loss, as in fastai. The suggestion is where the smoothed loss falls most steeply over log(lr), which is safer
than where it is lowest: there it is about to rise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipelab.core.errors import RunError

SMOOTHING, DIVERGED = 0.9, 4.0  # decay of the loss's average; a loss so many times the best ends the test
SKIP_FIRST = 5  # points of which the average is still the first few losses


@dataclass(frozen=True)
class RangeTest:
    """What a test found. rates, losses, smoothed: (n,) float64, of the steps until it ended. suggestion: a rate."""

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def exponential(start: float, end: float, steps: int) -> np.ndarray:
    """(steps,) rates from start to end, each the same multiple of the one before."""
    return start * (end / start) ** (np.arange(steps) / max(1, steps - 1))


def smooth(losses: np.ndarray) -> np.ndarray:
    """Exponential moving average, debiased: (n,) -> (n,)."""
    average, found = 0.0, []
    for index, loss in enumerate(losses, start=1):
        average = SMOOTHING * average + (1 - SMOOTHING) * float(loss)
        found.append(average / (1 - SMOOTHING**index))
    return np.array(found)


def diverged(losses: np.ndarray) -> bool:
    """Whether the loss has broken: it is not a number, or its average many times the best so far."""
    if not np.isfinite(losses[-1]):
        return True
    smoothed = smooth(losses)
    return len(losses) > SKIP_FIRST and bool(smoothed[-1] > DIVERGED * smoothed.min())


def suggest(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    """The test of `losses` at `rates`, both (n,). Raises RunError when no loss fell."""
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(finite.argmin())
    rates, losses = rates[:count], losses[:count]
    smoothed = smooth(losses)
    if count < SKIP_FIRST + 3:
        raise RunError(
            f"the loss was not finite from the beginning, at a learning rate of {rates[-1] if count else 0:.3g}"
        )
    slopes = np.gradient(smoothed, np.log(rates))[SKIP_FIRST:]
    steepest = int(slopes.argmin())
    if slopes[steepest] >= 0:
        raise RunError(
            "the loss did not fall at any learning rate; try a wider range, --start and --end, or more --steps"
        )
    return RangeTest(rates, losses, smoothed, float(rates[SKIP_FIRST + steepest]))
