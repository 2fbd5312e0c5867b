"""The mean of the weights over each epoch: what averages can be made of after the run.

w = 1/n at the n-th step of an epoch, so that after the last the row is the mean of the epoch's steps.
"""

from __future__ import annotations

import numpy as np


def epoch_mean_weights(ends: np.ndarray) -> np.ndarray:
    """Weights (T,) float64; ends: (T,) bool, the last step of each epoch."""
    steps = np.arange(1, len(ends) + 1)
    before = np.concatenate([[0], np.where(ends, steps, 0)[:-1]])
    return np.asarray(1.0 / (steps - np.maximum.accumulate(before)))
