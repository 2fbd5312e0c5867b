"""Predictions of a regression against the truth: points on the diagonal are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.core import atomic

_POINT, _LINE, _MUTED = "#0072B2", "#D55E00", "#666666"  # Okabe & Ito 2008
_DENSE = 5000  # samples from which on a picture of single points would be a blot
_PANELS = 12  # targets that are drawn
_COLUMNS = 4


def parity_plot(
    truth: NDArray[np.float32], outputs: NDArray[np.float32], names: Sequence[str], path: Path, title: str
) -> None:
    """Write a PNG with a panel a target (the first 12), its mean absolute error and R2 above it.

    truth, outputs: (N, T). names: T, or none for numbers. path: replaced atomically. title: one line above.
    """
    drawn = min(truth.shape[1], _PANELS)
    columns = min(drawn, _COLUMNS)
    rows = math.ceil(drawn / columns)
    side = 5 if drawn == 1 else 3.6
    figure = Figure(figsize=(side * columns, side * rows + 0.4), dpi=120, layout="constrained")
    more = f" (the first {drawn} of {truth.shape[1]} targets)" if drawn < truth.shape[1] else ""
    figure.suptitle(title + more, x=0.02, ha="left", fontweight="bold", fontsize=11)
    for index in range(drawn):
        name = names[index] if names else f"target {index}" if drawn > 1 else ""
        _panel(figure.add_subplot(rows, columns, index + 1), truth[:, index], outputs[:, index], name)
    atomic.write(path, lambda file: figure.savefig(file, format="png"))


def _panel(axes, truth: NDArray[np.float32], outputs: NDArray[np.float32], name: str) -> None:  # type: ignore[no-untyped-def]
    finite = np.isfinite(outputs)
    real, guess = truth[finite].astype(np.float64), outputs[finite].astype(np.float64)
    both = np.concatenate([real, guess]) if len(real) else np.zeros(1)
    low, high = float(both.min()), float(both.max())
    edge = 0.04 * (high - low) or 1.0
    limits = (low - edge, high + edge)
    if len(real) > _DENSE:
        axes.hexbin(real, guess, gridsize=80, extent=(*limits, *limits), cmap="Blues", bins="log", mincnt=1)
    else:
        axes.scatter(real, guess, s=9, color=_POINT, alpha=max(0.15, min(0.7, 150 / max(len(real), 1))), linewidths=0)
    axes.plot(limits, limits, color=_LINE, linewidth=1.2)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="truth", ylabel="prediction")
    axes.set_title(f"{name}  " * bool(name) + _summary(real, guess, int((~finite).sum())), fontsize=8, color=_MUTED)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _summary(truth: NDArray[np.float64], outputs: NDArray[np.float64], lost: int) -> str:
    if not len(truth):
        return "no finite prediction"
    spread = float(((truth - truth.mean()) ** 2).sum())
    r2 = f", R² {1 - float(((outputs - truth) ** 2).sum()) / spread:.4f}" if spread > 0 else ""
    return f"MAE {np.abs(outputs - truth).mean():.4g}{r2}, n = {len(truth):,}" + (
        f", {lost:,} not finite" if lost else ""
    )
