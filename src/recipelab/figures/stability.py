"""How stable predictions are from one evaluation to the next, beside accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Mark, Panel
from recipelab.figures.palette import colour_indices


@dataclass(frozen=True)
class Course:
    """One view's evaluations. epochs, stability, accuracy: (T,); shares in [0, 1], NaN where there is none."""

    epochs: NDArray[np.float64]
    stability: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def stability_chart(views: Mapping[str, Course], title: str, name: str = "stability") -> Chart:
    """Stability (solid) and accuracy (dashed) against the epoch, one colour a view.

    views: name -> its evaluations, two at least. title: one line. name: of its files.
    """
    marks: list[Mark] = []
    for (view, course), colour in zip(views.items(), colour_indices(views), strict=True):
        marks.append(Line(course.epochs, course.stability, f"{view}: as before", colour))
        marks.append(Line(course.epochs, course.accuracy, f"{view}: correct", colour, dash="dashed"))
    caption = "Solid: samples that are right or wrong as at the evaluation before. Dashed: samples that are right."
    panel = Panel(Axis("epoch"), Axis("validation samples (%)", percent=True), marks)
    return Chart(name, title, [panel], caption)
