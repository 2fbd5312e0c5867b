"""A learning-rate range test as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.core import atomic

Values = NDArray[np.floating]


def plot_lr_range(rates: Values, losses: Values, smoothed: Values, suggestion: float, path: Path, title: str) -> None:
    """Write a PNG of the loss, and its average, against the learning rate on a logarithmic axis.

    rates, losses, smoothed: (n,). suggestion: marked. path: replaced atomically. title: one line above.
    """
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses, color="#56B4E9", linewidth=1, label="loss of a step")
    axes.plot(rates, smoothed, color="#0072B2", linewidth=2, label="smoothed")
    axes.axvline(suggestion, color="#D55E00", linestyle="--", linewidth=2, label=f"suggestion {suggestion:.2g}")
    axes.set_xscale("log")
    axes.set_ylim(max(0.0, 0.9 * smoothed.min()), 1.2 * smoothed[: max(1, len(smoothed) // 2)].max())
    axes.set_title(title, loc="left", fontweight="bold", pad=12)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    atomic.write(path, lambda file: figure.savefig(file, format="png"))
