"""A metric against the half-life of a weight average: one continuous curve, and the averages that were tracked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Mark, Panel, Points, Rule, Span

Values = NDArray[np.floating]


@dataclass(frozen=True)
class DecayCurve:
    """What is drawn.

    half_lives: (n,) in epochs, ascending. values: (n,) of the metric; NaN where there is no average within the bound.
    tracked: name -> (half-life in epochs, value). raw: of the weights at the end. steps_per_epoch: for the decays.
    """

    half_lives: Values
    values: Values
    raw: float
    steps_per_epoch: float
    tracked: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def decay_chart(curve: DecayCurve, title: str, metric: Axis, bound: str, name: str) -> Chart:
    """Where values are NaN the ground is shaded, with `bound` as the reason; above, the decay of a step.

    title: one line above. metric: the upright axis. name: of its files.
    """
    marks: list[Mark] = [
        Span(low, high, f"refused: {bound}" if index == 0 else "") for index, (low, high) in enumerate(_refused(curve))
    ]
    marks.append(Rule(curve.raw, "y", "raw weights at the end"))
    if np.isfinite(curve.values).any():
        marks.append(Line(curve.half_lives, curve.values, "synthesised after the run", 0))
    if curve.tracked:
        x, y = np.array(list(curve.tracked.values())).T
        names = [one.removeprefix("ema_") for one in curve.tracked]
        marks.append(Points(x, y, "tracked during the run", 1, labels=names, texts=_texts(curve, metric)))
    ends = [*curve.half_lives.tolist(), *(half_life for half_life, _ in curve.tracked.values())]
    x_axis = Axis("half-life in epochs", log=True, limits=(min(ends) / 1.1, max(ends) * 1.1))
    above = "decay of a step", _decays(curve.steps_per_epoch, *x_axis.limits or (0, 0))
    return Chart(name, title, [Panel(x_axis, metric, marks, above=above)])


def _texts(curve: DecayCurve, metric: Axis) -> list[str]:
    scale = 100 if metric.percent else 1
    return [f"{name}\n{epochs:.3g} epochs: {scale * value:.4g}" for name, (epochs, value) in curve.tracked.items()]


def _refused(curve: DecayCurve) -> list[tuple[float, float]]:
    """Stretches of half-lives without a value, each to halfway (in logarithm) to its neighbours."""
    x, missing = curve.half_lives, np.isnan(curve.values)
    middles = np.concatenate([x[:1], np.sqrt(x[1:] * x[:-1]), x[-1:]])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    return [(float(middles[begin]), float(middles[end])) for begin, end in edges.reshape(-1, 2)]


def _decays(steps_per_epoch: float, low: float, high: float) -> list[tuple[float, str]]:
    """The decays of a step that lie within: (half-life in epochs, decay)."""
    decays = (0.5, 0.8, 0.9, 0.95, 0.98, *(1 - m * 10.0**-k for k in range(2, 7) for m in (1, 0.5, 0.2)))
    places = [(-1 / float(np.log2(decay)) / steps_per_epoch, f"{decay:g}") for decay in decays]
    return [(place, text) for place, text in places if low <= place <= high]
