"""Single images in rows, pixel for pixel, each with a few words below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Tile, Tiles

_COLUMNS = 5


def tiles_figure(images: NDArray[np.uint8], captions: Sequence[str], title: str, name: str = "images") -> Tiles:
    """Images, five in a row.

    images: (K, H, W, C) uint8; C = 3 in colour, any other number of channels as their mean in grey. captions: K texts,
        lines apart by a line break.
    """
    grey = images if images.shape[-1] in (1, 3) else images.mean(-1, keepdims=True).round().astype(np.uint8)
    tiles = [Tile(image, caption) for image, caption in zip(grey, captions, strict=True)]
    return Tiles(name, title, tiles, columns=_COLUMNS)
