"""A regression: predictions against the truth, and how its errors are spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Bars, Chart, Line, Mark, Panel, Points, Rule

PANELS, COLUMNS = 12, 4  # targets that are drawn, and panels side by side


def parity_chart(
    truth: NDArray[np.float64], outputs: NDArray[np.float64], panels: Sequence[str], title: str, caption: str
) -> Chart:
    """A panel a target: truth, outputs (T, N); on the diagonal a prediction is right. panels: T titles."""
    drawn = []
    for real, guess, name in list(zip(truth, outputs, panels, strict=True))[:PANELS]:
        ends = [min(real.min(), guess.min()), max(real.max(), guess.max())]
        marks: list[Mark] = [Line(ends, ends, "right", colour=1), Points(real, guess, "samples")]
        drawn.append(Panel(Axis("truth"), Axis("prediction"), marks, name))
    return Chart("parity", title, drawn, _whole(caption, len(panels)), columns=min(len(drawn), COLUMNS))


def residual_histogram(
    edges: Sequence[NDArray[np.float64]],
    heights: Sequence[NDArray[np.int64]],
    panels: Sequence[str],
    title: str,
    caption: str,
) -> Chart:
    """A panel a target: samples over prediction less truth."""
    drawn = []
    for ends, high, name in list(zip(edges, heights, panels, strict=True))[:PANELS]:
        marks: list[Mark] = [Bars(ends, high, "samples"), Rule(0, "x", "right")]
        drawn.append(Panel(Axis("prediction - truth"), Axis("samples"), marks, name))
    return Chart("residuals", title, drawn, _whole(caption, len(panels)), columns=min(len(drawn), COLUMNS))


def _whole(caption: str, targets: int) -> str:
    return f"{caption}; the first {PANELS} of {targets} targets" if targets > PANELS else caption
