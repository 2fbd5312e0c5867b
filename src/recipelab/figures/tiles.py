"""Single images in rows, pixel for pixel, each with a few words below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.figures.palette import INK, save

_COLUMNS, _SIDE = 5, 1.55  # inches


def plot_tiles(images: NDArray[np.uint8], captions: Sequence[str], path: Path, title: str) -> None:
    """Write a PNG of images, five in a row.

    images: (K, H, W, C) uint8; C = 3 in colour, any other number of channels as their mean in grey. captions: K texts,
        lines apart by a line break. path: replaced atomically. title: one line above.
    """
    columns = min(_COLUMNS, len(images))
    rows = math.ceil(len(images) / columns)
    below = 0.15 * max(text.count("\n") + 1 for text in captions)
    width = max(columns * (_SIDE + 0.15), 4.5)
    figure = Figure(figsize=(width, rows * (_SIDE + below + 0.15) + 0.5), dpi=120, layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize=11, color=INK)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        axes = figure.add_subplot(rows, columns, index + 1)
        grey = image.shape[-1] != 3
        shown = image.mean(-1) if grey else image
        options: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}
        axes.imshow(shown, interpolation="nearest", **options)
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(caption, fontsize=7.5, color=INK, parse_math=False)
    save(figure, path)
