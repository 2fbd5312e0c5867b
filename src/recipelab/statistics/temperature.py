"""Temperature scaling: one number that makes a classifier as sure as it is right.

Guo, Pleiss, Sun, Weinberger 2017, On calibration of modern neural networks, arXiv 1706.04599, section 4.2: T > 0
minimises the negative log-likelihood of softmax(logits / T) on validation samples. The NLL is convex in 1 / T, so that
there is one minimum, and a bounded search of one dimension finds it (they used L-BFGS for the same).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

LOWEST, HIGHEST = 0.01, 100.0
"""Temperatures that are searched; a minimum at either end is none."""
_ROWS = 2**22  # numbers that are worked on at once in float64


def nll(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of softmax(logits / temperature), in nats: logits (N, K), labels (N,)."""
    size = max(1, _ROWS // logits.shape[1])
    total = 0.0
    for begin in range(0, len(labels), size):
        some = logits[begin : begin + size].astype(np.float64) / temperature
        true = np.take_along_axis(some, labels[begin : begin + size, None], 1)[:, 0]
        total += float((logsumexp(some, axis=1) - true).sum())
    return total / len(labels)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float | None:
    """The temperature that minimises the NLL: logits (N, K), labels (N,), N >= 1.

    None where there is no minimum within LOWEST and HIGHEST: every sample is right, and surer is always better; the
    logits say less than nothing; or they are not finite.
    """
    if not np.isfinite(logits).all():
        return None
    low, high = math.log(LOWEST), math.log(HIGHEST)
    found = minimize_scalar(
        lambda log: nll(logits, labels, math.exp(log)), bounds=(low, high), method="bounded", options={"xatol": 1e-5}
    )
    if min(found.x - low, high - found.x) < 0.01 or nll(logits, labels, math.exp(found.x)) >= min(
        nll(logits, labels, LOWEST), nll(logits, labels, HIGHEST)
    ):
        return None
    return float(math.exp(found.x))


def reliability(
    logits: NDArray[np.float32], labels: NDArray[np.int64], bins: int, temperature: float = 1.0
) -> NDArray[np.float64]:
    """(3, bins): samples, hits and sums of confidences of each bin ((m - 1) / bins, m / bins] of the confidence, the
    largest probability of softmax(logits / temperature)."""
    totals = np.zeros((3, bins))
    size = max(1, _ROWS // logits.shape[1])
    for begin in range(0, len(labels), size):
        some = logits[begin : begin + size].astype(np.float64) / temperature
        confidence = np.exp(some.max(1) - logsumexp(some, axis=1))
        hits = some.argmax(1) == labels[begin : begin + size]
        place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
        for row, values in enumerate((np.ones_like(confidence), hits.astype(float), confidence)):
            totals[row] += np.bincount(place, values, bins)
    return totals


def calibration_error(totals: NDArray[np.float64]) -> float:
    """Expected calibration error (the paper's equation 3) of `reliability`'s sums, in [0, 1]."""
    samples, hits, confidence = totals
    return float(np.abs(hits - confidence).sum() / samples.sum())
