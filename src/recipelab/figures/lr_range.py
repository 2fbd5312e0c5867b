"""A learning-rate range test: the loss, and its average, against the learning rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Mark, Panel, Rule

Values = NDArray[np.floating]


def lr_range_chart(rates: Values, losses: Values, smoothed: Values, suggestion: float, title: str) -> Chart:
    """rates, losses, smoothed: (n,). suggestion: marked. title: one line above."""
    limits = max(0.0, 0.9 * float(smoothed.min())), 1.2 * float(smoothed[: max(1, len(smoothed) // 2)].max())
    marks: list[Mark] = [
        Line(rates, losses, "loss of a step", 4, faint=True),
        Line(rates, smoothed, "smoothed", 0),
        Rule(suggestion, "x", f"suggestion {suggestion:.2g}", 1),
    ]
    panel = Panel(Axis("learning rate", log=True), Axis("training loss", limits=limits), marks)
    return Chart("lr_find", title, [panel], f"{len(rates)} steps")
