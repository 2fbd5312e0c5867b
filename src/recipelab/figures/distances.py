"""How far averages are from the weights that they are of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Panel
from recipelab.figures.palette import colour_indices

Course = tuple[NDArray[np.float64], NDArray[np.float64]]


def distances_chart(lines: Mapping[str, Course], title: str) -> Chart:
    """The relative distance of averages to the raw weights against the epoch, one line a name.

    lines: name -> (epochs, |average - raw| / |raw|), each (T,), L2 norms over all parameters. title: one line.
    """
    marks = [
        Line(epochs, distance, name, colour)
        for (name, (epochs, distance)), colour in zip(lines.items(), colour_indices(lines), strict=True)
    ]
    panel = Panel(Axis("epoch"), Axis("‖average − raw‖ / ‖raw‖  (weights, L2)"), marks)
    return Chart("distances", title, [panel])
