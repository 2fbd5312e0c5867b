"""How stable predictions are from one evaluation to the next, beside accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from recipelab.figures.palette import INK, colours, framed, save


@dataclass(frozen=True)
class Course:
    """One view's evaluations. epochs, stability, accuracy: (T,); shares in [0, 1], NaN where there is none."""

    epochs: NDArray[np.float64]
    stability: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def plot_stability(views: Mapping[str, Course], path: Path, title: str) -> None:
    """Write a PNG of stability (solid) and accuracy (dashed) against the epoch, one colour a view.

    views: name -> its evaluations, two at least. path: replaced atomically. title: one line above.
    """
    figure, axes = framed(title, "epoch", "share of the validation samples")
    handles = []
    for (name, course), colour in zip(views.items(), colours(views), strict=True):
        style = {"color": colour, "linewidth": 1.8, "marker": "o" if len(course.epochs) <= 30 else "", "markersize": 3}
        axes.plot(course.epochs, course.stability, **style)
        axes.plot(course.epochs, course.accuracy, linestyle=(0, (4, 2)), **style)
        handles.append(Line2D([], [], color=colour, linewidth=3, label=name))
    handles.append(Line2D([], [], color=INK, linestyle="-", label="same as at the evaluation before"))
    handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), label="correct (accuracy)"))
    axes.set_ylim(top=1)
    axes.set_xlim(left=0)
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=3, fontsize=9)
    save(figure, path)
