"""How sure a model is against how often it is right, and the temperature that brings the two together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recipelab.commands.measured import outputs_of
from recipelab.commands.trained import Trained
from recipelab.data.pool import Pool
from recipelab.metrics.calibration import BINS
from recipelab.statistics.temperature import calibration_error, fit_temperature, nll, reliability


@dataclass(frozen=True)
class Calibrated:
    """A classifier before and after its logits are divided by `temperature` (None: there is none, `why_not` says so).

    samples: measured. nll, ece: (before, after); without a temperature both are the first.
    bins: (before, after), each samples, hits and sums of confidences of `metrics.calibration.BINS` bins.
    """

    samples: int
    temperature: float | None
    why_not: str
    nll: tuple[float, float]
    ece: tuple[float, float]
    bins: tuple[NDArray[np.float64], NDArray[np.float64]]


def calibration(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float | None = None) -> Calibrated:
    """Of logits (N, K) and labels (N,). temperature: known already; None: fitted on them."""
    degrees = temperature or fit_temperature(logits, labels)
    both = (1.0, degrees or 1.0)
    bins = (reliability(logits, labels, BINS, both[0]), reliability(logits, labels, BINS, both[1]))
    return Calibrated(
        samples=len(labels),
        temperature=degrees,
        why_not="" if degrees else _why_not(logits, labels),
        nll=(nll(logits, labels, both[0]), nll(logits, labels, both[1])),
        ece=(calibration_error(bins[0]), calibration_error(bins[1])),
        bins=bins,
    )


def calibrated(member: Trained, view: str, pool: Pool) -> Calibrated:
    """The same of a view on samples with the model's labels, computed in float32 as it is exported."""
    exact = replace(member, execution=replace(member.execution, precision="32"))
    outputs, read = outputs_of(exact, view, pool)
    return calibration(outputs.numpy(), pool.targets[read].numpy())


def _why_not(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    if not np.isfinite(logits).all():
        return "the model gives logits that are not finite"
    if (logits.argmax(1) == labels).all():
        return f"all {len(labels):,} samples are right, and so a lower temperature is always better"
    return "no temperature from 0.01 to 100 is best: the logits tell too little"
