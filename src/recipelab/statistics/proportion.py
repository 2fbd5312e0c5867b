"""The interval of a share: how many of n, with how much certainty.

Wilson 1927, Probable inference, the law of succession, and statistical inference, JASA 22, 209: the shares p that the
observed one is at most z standard errors, sqrt(p (1 - p) / n), away from. Unlike the share plus or minus z standard
errors of its own it stays within [0, 1], and is right near 0 and 1 and for few samples (Brown, Cai, DasGupta 2001).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def wilson(
    hits: NDArray[np.int64], counts: NDArray[np.int64], confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(low, high) of the shares hits / counts, of any shape; nan where counts is 0.

    confidence: of the two-sided interval, in (0, 1).
    """
    n = np.where(counts > 0, counts, np.nan).astype(np.float64)
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
