"""How far averages are from the weights that they are of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.palette import colours, framed, save

Line = tuple[NDArray[np.float64], NDArray[np.float64]]


def plot_distances(lines: Mapping[str, Line], path: Path, title: str) -> None:
    """Write a PNG of the relative distance of averages to the raw weights against the epoch, one line a name.

    lines: name -> (epochs, |average - raw| / |raw|), each (T,), L2 norms over all parameters.
    path: replaced atomically. title: one line above.
    """
    figure, axes = framed(title, "epoch", "‖average − raw‖ / ‖raw‖  (weights, L2)")
    for (name, (epochs, distance)), colour in zip(lines.items(), colours(lines), strict=True):
        axes.plot(epochs, distance, color=colour, linewidth=2, label=name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)
