"""A contact sheet: stored images beside what augmentation makes of them, pixel for pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.core import atomic

_INK, _MUTED = "#1a1a1a", "#666666"
_PAPER = 240  # a light grey, so that images with a white ground keep their border
_DPI = 100
_TILE = 96  # pixels that a small image is enlarged to, at least
_GAP, _BREAK, _MARGIN = 6, 22, 20  # between tiles, between originals and draws, around everything
_HEAD = 64  # height of title and column names
_LETTER = 13  # width of a letter of the title, with some to spare
_LABEL = 34  # width of row numbers


def contact_sheet(originals: NDArray[np.uint8], draws: NDArray[np.uint8], path: Path, title: str) -> None:
    """Write a PNG with one row per image: the original, then its augmented draws.

    originals: (n, H, W, C) uint8. draws: (n, k, H, W, C) uint8. C = 3 is shown in colour, any other number of channels
        as their mean in grey. Images are enlarged by a whole factor, so that every stored pixel is a square.
    path: replaced atomically. title: one line above.
    """
    tiles = np.concatenate([originals[:, None], draws], axis=1)
    scale = max(1, -(-_TILE // max(tiles.shape[2:4])))
    mosaic, columns, rows = _mosaic(_to_rgb(tiles).repeat(scale, axis=2).repeat(scale, axis=3))
    width = max(mosaic.shape[1] + _LABEL, len(title) * _LETTER) + 2 * _MARGIN
    height = mosaic.shape[0] + _HEAD + 2 * _MARGIN
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=str(_PAPER / 255))
    figure.figimage(mosaic, xo=_MARGIN + _LABEL, yo=_MARGIN, origin="upper")

    def write(x: float, y: float, text: str, **style: Any) -> None:
        figure.text(x / width, 1 - y / height, text, **style)

    write(_MARGIN, _MARGIN, title, color=_INK, fontsize=13, fontweight="bold", va="top")
    for index, x in enumerate(columns):
        name = "stored" if index == 0 else f"draw {index}"
        write(_MARGIN + _LABEL + x, _MARGIN + _HEAD - 8, name, color=_MUTED, fontsize=9, ha="center", va="bottom")
    for index, y in enumerate(rows):
        write(_MARGIN, _MARGIN + _HEAD + y, str(index + 1), color=_MUTED, fontsize=9, va="center")
    atomic.write(path, lambda file: figure.savefig(file, format="png", dpi=_DPI))


def _to_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., C) -> (..., 3)."""
    if images.shape[-1] == 3:
        return images
    grey = images.mean(axis=-1, keepdims=True).round().astype(np.uint8)
    return np.broadcast_to(grey, (*grey.shape[:-1], 3))


def _mosaic(tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[float], list[float]]:
    """Tiles (n, k, H, W, 3) with gaps, the first column set apart; and the middles of columns and of rows."""
    count, draws, tile_height, tile_width, _ = tiles.shape
    lefts = [index * (tile_width + _GAP) + (_BREAK - _GAP if index else 0) for index in range(draws)]
    tops = [index * (tile_height + _GAP) for index in range(count)]
    mosaic = np.full((tops[-1] + tile_height, lefts[-1] + tile_width, 3), _PAPER, dtype=np.uint8)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            mosaic[top : top + tile_height, left : left + tile_width] = tiles[row, column]
    return mosaic, [left + tile_width / 2 for left in lefts], [top + tile_height / 2 for top in tops]
