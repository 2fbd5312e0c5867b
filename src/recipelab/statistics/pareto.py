"""Which of many are worth their cost."""

from __future__ import annotations

import numpy as np


def pareto_front(cost: np.ndarray, value: np.ndarray, *, higher_is_better: bool = True) -> np.ndarray:
    """Indices of the front of cost (n,) against value (n,), by rising cost: none is at least as good for less.

    Of equals the first stays.
    """
    gain = np.asarray(value, dtype=np.float64) * (1 if higher_is_better else -1)
    order = np.lexsort((np.arange(len(gain)), -gain, cost))
    front, best = [], -np.inf
    for i in order:
        if gain[i] > best:
            front.append(i)
            best = gain[i]
    return np.array(front, dtype=np.int64)
