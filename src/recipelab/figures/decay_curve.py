"""A metric against the half-life of a weight average: one continuous curve, and the averages that were tracked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.core import atomic

_CURVE, _TRACKED = "#0072B2", "#D55E00"  # Okabe & Ito 2008
_RAW, _REFUSED, _HATCH = "#666666", "#f0f0f0", "#dcdcdc"
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
    steps_per_epoch: int
    tracked: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def plot_decay_curve(curve: DecayCurve, path: Path, title: str, metric: str, bound: str) -> None:
    """Write a PNG; where values are NaN the ground is grey, with `bound` as the reason.

    path: replaced atomically. title: one line above. metric: name of the vertical axis.
    """
    figure = Figure(figsize=(8, 4.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for index, (low, high) in enumerate(_refused(curve)):
        label = f"refused: {bound}" if index == 0 else None
        axes.axvspan(low, high, facecolor=_REFUSED, edgecolor=_HATCH, hatch="///", linewidth=0, label=label, zorder=0)
    axes.axhline(curve.raw, color=_RAW, linewidth=1.2, linestyle="--", label="raw weights at the end")
    axes.plot(curve.half_lives, curve.values, color=_CURVE, linewidth=2, marker=".", label="synthesised after the run")
    if curve.tracked:
        points = np.array(list(curve.tracked.values()))
        axes.scatter(points[:, 0], points[:, 1], s=48, color=_TRACKED, zorder=4, label="tracked during the run")
        for name, (half_life, value) in curve.tracked.items():
            axes.annotate(
                name.removeprefix("ema_"),
                (half_life, value),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_xscale("log")
    axes.set(xlabel="half-life in epochs", ylabel=metric)
    _ticks(axes)
    _decays_above(axes, curve.steps_per_epoch)
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10, pad=12)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["right"]].set_visible(False)
    axes.margins(y=0.15)
    axes.legend(frameon=False, loc="best", fontsize=9)
    atomic.write(path, lambda file: figure.savefig(file, format="png"))


def _refused(curve: DecayCurve) -> list[tuple[float, float]]:
    """Stretches of half-lives without a value, each to halfway (in logarithm) to its neighbours."""
    x, missing = curve.half_lives, np.isnan(curve.values)
    middles = np.concatenate([x[:1], np.sqrt(x[1:] * x[:-1]), x[-1:]])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    return [(float(middles[begin]), float(middles[end])) for begin, end in edges.reshape(-1, 2)]


def _ticks(axes) -> None:  # type: ignore[no-untyped-def]
    """1, 2, 5, 10, ... on the lower axis, plainly written."""
    low, high = axes.get_xlim()
    ticks = [m * 10.0**k for k in range(-9, 10) for m in (1, 2, 5) if low <= m * 10.0**k <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)


def _decays_above(axes, steps_per_epoch: int) -> None:  # type: ignore[no-untyped-def]
    """The decay of a step on the upper axis, where the half-lives have room for it."""
    low, high = axes.get_xlim()
    decays = (0.5, 0.8, 0.9, 0.95, 0.98, *(1 - m * 10.0**-k for k in range(2, 7) for m in (1, 0.5, 0.2)))
    places = {d: -1 / np.log2(d) / steps_per_epoch for d in decays}
    shown = {d: place for d, place in places.items() if low <= place <= high}
    above = axes.twiny()
    above.set_xscale("log")
    above.set_xlim(low, high)
    above.set_xticks(list(shown.values()), [f"{d:g}" for d in shown])
    above.set_xticks([], minor=True)
    above.set_xlabel("decay of a step")
    above.spines[["right"]].set_visible(False)
