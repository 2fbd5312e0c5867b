"""How sure a model is against how often it is right, and the temperature that brings the two together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.metrics.calibration import BINS
from recipelab.statistics.temperature import HIGHEST, LOWEST, calibration_error, fit_temperature, nll, reliability


@dataclass(frozen=True)
class Calibrated:
    """A classifier before and after its logits are divided by `temperature` (None: there is none, `why_not` says so).

    samples: measured. nll, ece: (before, after); without a temperature both are the first.
    bins: (before, after), each (3, BINS): samples, hits and sums of confidences (`statistics.temperature`).
    """

    samples: int
    temperature: float | None
    why_not: str
    nll: tuple[float, float]
    ece: tuple[float, float]
    bins: tuple[NDArray[np.float64], NDArray[np.float64]]

    def numbers(self) -> dict[str, Any]:
        """As a file has it."""
        return {"temperature": self.temperature, "nll": list(self.nll), "ece": list(self.ece)}


def change(numbers: Mapping[str, Any]) -> str:
    """What a temperature does, in words, from `Calibrated.numbers`."""
    (nll, nll_after), (ece, ece_after) = numbers["nll"], numbers["ece"]
    return (
        f"temperature {numbers['temperature']:.4f}: NLL {nll:.4f} -> {nll_after:.4f}, ECE {ece:.2%} -> {ece_after:.2%}"
    )


def require_temperature(told: float | Literal["auto"] | None) -> None:
    """Raises UserError for what is no temperature."""
    if told not in (None, "auto") and not (isinstance(told, float | int) and 0 < told < float("inf")):
        raise UserError(f"--temperature {told}: a temperature is greater than 0; auto fits it on validation")


def fitted(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float | None, str]:
    """The temperature of logits (N, K) and labels (N,), and where there is none, why."""
    if not np.isfinite(logits).all():
        return None, "the model gives logits that are not finite"
    if (logits.argmax(1) == labels).all():
        return None, f"all {len(labels):,} samples are right, and so a lower temperature is always better"
    found = fit_temperature(logits, labels)
    return found, "" if found else f"none from {LOWEST} to {HIGHEST:g} is best: the logits tell too little"


def calibration(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float | None, why_not: str = ""
) -> Calibrated:
    """What `temperature` does to logits (N, K) with labels (N,)."""
    both = (1.0, temperature or 1.0)
    bins = (reliability(logits, labels, BINS, both[0]), reliability(logits, labels, BINS, both[1]))
    return Calibrated(
        samples=len(labels),
        temperature=temperature,
        why_not=why_not,
        nll=(nll(logits, labels, both[0]), nll(logits, labels, both[1])),
        ece=(calibration_error(bins[0]), calibration_error(bins[1])),
        bins=bins,
    )
