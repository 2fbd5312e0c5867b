"""Images in rows, pixel for pixel, each with a few words below."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure as Canvas

from recipelab.figures.chart import Tile, Tiles
from recipelab.figures.palette import INK
from recipelab.figures.picture_frame import heading
from recipelab.figures.picture_text import wrapped

SIDE, GAP, LINE = 1.45, 0.15, 0.14  # inches of an image, between two, and of a line of text
WORDS = 7.5  # points


def tiles_picture(figure: Tiles, caption: str) -> Canvas:
    """A picture of images, `columns` in a row."""
    columns = max(1, min(figure.columns, len(figure.tiles)))
    rows = max(1, math.ceil(len(figure.tiles) / columns))
    captions = [wrapped(tile.caption, SIDE + GAP - 0.05, WORDS) for tile in figure.tiles]
    below = LINE * max((caption.count("\n") + 1 for caption in captions), default=0)
    width = max(columns * (SIDE + GAP), 4.5)
    canvas = Canvas(layout="constrained")
    heading(canvas, figure.title, caption, (width, rows * (SIDE + below + GAP) + 0.1))
    for index, (tile, words) in enumerate(zip(figure.tiles, captions, strict=True)):
        _tile(canvas.add_subplot(rows, columns, index + 1), tile, words)
    return canvas


def _tile(axes: Any, tile: Tile, caption: str) -> None:
    grey = tile.image.shape[-1] != 3
    options: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}
    axes.imshow(tile.image.mean(-1) if grey else tile.image, interpolation="nearest", **options)
    axes.set(xticks=[], yticks=[], anchor="S")  # the layout knows of no other room between image and words
    axes.spines[:].set_visible(False)
    axes.set_xlabel(caption, fontsize=WORDS, color=INK, parse_math=False)
