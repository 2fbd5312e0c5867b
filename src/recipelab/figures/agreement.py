"""Which evaluations agree on which samples are right, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Heat, Panel


def agreement_chart(matrix: NDArray[np.float64], names: Sequence[str], title: str, caption: str = "") -> Chart:
    """Shares of agreement in percent, written into every cell. matrix: (K, K), in [0, 1]. names: K."""
    texts = [[f"{100 * value:.1f}" if value < 1 else "100" for value in row] for row in matrix]
    heat = Heat(100 * matrix, texts, "% of samples")
    panel = Panel(Axis("", categories=names), Axis("", categories=names), [heat])
    return Chart("agreement", title, [panel], caption)
