"""When single samples are right and when they are wrong, as barcodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Heat, Panel


def barcodes_chart(
    views: Mapping[str, NDArray[np.bool_]], epochs: NDArray[np.float64], samples: Sequence[str], title: str
) -> Chart:
    """A group of strips a sample, a strip a view, in two colours for right and wrong; a column an evaluation.

    views: name -> (T, K) correctness of the K samples. epochs: (T,) of the evaluations. samples: K names.
    """
    rows: list[NDArray[np.float64]] = []
    names: list[str] = []
    for index, sample in enumerate(samples):
        if rows:  # air between samples
            rows.append(np.full(len(epochs), np.nan))
            names.append("")
        for number, (view, correct) in enumerate(views.items()):
            rows.append(correct[:, index].astype(np.float64))
            names.append(f"{sample}  {view}" if number == 0 else view)
    panel = Panel(
        Axis("epoch", categories=[f"{epoch:.4g}" for epoch in epochs]),
        Axis("", categories=names),
        [Heat(np.stack(rows), states=("wrong", "right"))],
    )
    return Chart("barcodes", title, [panel])
