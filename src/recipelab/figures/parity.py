"""A regression: predictions against the truth, and how its errors are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Bars, Chart, Line, Mark, Panel, Points, Rule

PANELS, COLUMNS = 12, 4  # targets that are drawn, and panels side by side
POINTS = 2000  # of all targets together that are kept
BINS = 40  # of a histogram of residuals
LARGEST = 1e30  # value that is drawn
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One target. truth, prediction: of samples from all over the split. mae, r2 (None of a truth without spread),
    edges and heights of the histogram of prediction less truth: of all samples whose prediction is finite.

    samples: these; lost: the others.
    """

    name: str
    truth: list[float]
    prediction: list[float]
    mae: float | None
    r2: float | None
    samples: int
    lost: int
    edges: list[float]
    heights: list[int]


@dataclass(frozen=True)
class Predictions:
    """What is kept of a regression's predictions. targets: the first 12 of `count`."""

    title: str
    count: int
    targets: list[Target]

    @classmethod
    def of(
        cls, truth: NDArray[np.floating], outputs: NDArray[np.floating], names: Sequence[str], title: str
    ) -> Predictions:
        """truth, outputs: (N, T). names: T, or none for numbers."""
        count = truth.shape[1]
        shown = min(count, PANELS)
        told = [names[i] if names else f"target {i}" if count > 1 else "" for i in range(shown)]
        kept = POINTS // shown
        made = [_target(truth[:, i].astype(float), outputs[:, i].astype(float), told[i], kept) for i in range(shown)]
        return cls(title, count, made)

    def charts(self, parity: str = "parity", residuals: str = "residuals") -> list[Chart]:
        """Both charts, by the names of their files. Raises ValueError for arrays that do not belong together, and for
        numbers that cannot be drawn."""
        for one in self.targets:
            if not all(abs(value) < LARGEST for value in (*one.truth, *one.prediction, *one.edges)):  # NaN is not
                raise ValueError(f"{one.name}: not finite, or beyond {LARGEST:g}")
            if len(one.truth) != len(one.prediction) or len(one.edges) != len(one.heights) + 1:
                raise ValueError(f"{one.name}: as many predictions as truths, and one edge more than heights")
        there = [one for one in self.targets if one.truth]
        if not there:
            return []
        panels = [_summary(one) for one in there]
        some = max(len(one.truth) for one in there)
        whole = max(one.samples for one in there)
        caption = f"n = {whole:,}" if some == whole else f"{some:,} of {whole:,} samples"
        caption += f"; the first {len(self.targets)} of {self.count} targets" if self.count > len(self.targets) else ""
        truth, outputs = [np.array(one.truth) for one in there], [np.array(one.prediction) for one in there]
        edges, heights = [np.array(one.edges) for one in there], [np.array(one.heights) for one in there]
        return [
            parity_chart(truth, outputs, panels, self.title, caption, parity),
            residual_histogram(edges, heights, panels, f"{self.title}: residuals", f"n = {whole:,}", residuals),
        ]


def parity_chart(
    truth: Sequence[Values],
    outputs: Sequence[Values],
    panels: Sequence[str],
    title: str,
    caption: str,
    name: str = "parity",
) -> Chart:
    """A panel a target: truth, outputs: (N,) of each; on the diagonal a prediction is right. panels: their titles."""
    drawn = []
    for real, guess, words in list(zip(truth, outputs, panels, strict=True))[:PANELS]:
        low, high = float(min(real.min(), guess.min())), float(max(real.max(), guess.max()))
        edge = 0.04 * (high - low) or 1.0
        ends, limits = [low, high], (low - edge, high + edge)
        marks: list[Mark] = [Points(real, guess, "samples"), Line(ends, ends, "right", colour=1)]
        drawn.append(Panel(Axis("truth", limits=limits), Axis("prediction", limits=limits), marks, words))
    return Chart(name, title, drawn, _whole(caption, len(panels)), columns=min(len(drawn), COLUMNS))


def residual_histogram(
    edges: Sequence[Values],
    heights: Sequence[NDArray[np.int64]],
    panels: Sequence[str],
    title: str,
    caption: str,
    name: str = "residuals",
) -> Chart:
    """A panel a target: samples over prediction less truth."""
    drawn = []
    for ends, high, words in list(zip(edges, heights, panels, strict=True))[:PANELS]:
        marks: list[Mark] = [Bars(ends, high, "samples"), Rule(0, "x", "right")]
        drawn.append(Panel(Axis("prediction - truth"), Axis("samples"), marks, words))
    return Chart(name, title, drawn, _whole(caption, len(panels)), columns=min(len(drawn), COLUMNS))


def residual_bins(residuals: Values) -> tuple[NDArray[np.int64], Values]:
    """Heights and edges of a histogram of finite values; they may all be the same, or differ by rounding alone."""
    low, high = (float(residuals.min()), float(residuals.max())) if len(residuals) else (0.0, 0.0)
    least = 1e-6 * max(abs(low), abs(high), 1e-6)
    edge = max(0.0, least - (high - low)) / 2
    heights, edges = np.histogram(residuals, BINS, range=(low - edge, high + edge))
    return heights, edges


def _target(truth: Values, outputs: Values, name: str, kept: int) -> Target:
    finite = np.isfinite(outputs) & (np.abs(outputs) < LARGEST)
    real, guess = truth[finite], outputs[finite]
    residuals = guess - real
    some = np.unique(np.linspace(0, len(real) - 1, min(kept, len(real))).astype(int))
    spread = float(((real - real.mean()) ** 2).sum()) if len(real) else 0.0
    heights, edges = residual_bins(residuals)
    return Target(
        name,
        _digits(real[some]),
        _digits(guess[some]),
        float(np.abs(residuals).mean()) if len(real) else None,
        1 - float((residuals**2).sum()) / spread if spread > 0 else None,
        len(real),
        int((~finite).sum()),
        _digits(edges),
        heights.tolist(),
    )


def _digits(values: Values) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _summary(one: Target) -> str:
    parts = [f"MAE {one.mae:.4g}"] if one.mae is not None else []
    parts += [f"R² {one.r2:.4f}"] if one.r2 is not None else []
    parts += [f"{one.lost:,} not finite"] if one.lost else []
    return (f"{one.name}: " if one.name else "") + ", ".join(parts)


def _whole(caption: str, targets: int) -> str:
    return f"{caption}; the first {PANELS} of {targets} targets" if targets > PANELS else caption
