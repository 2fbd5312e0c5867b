"""A contact sheet: stored images beside what augmentation makes of them, pixel for pixel, each operation named."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
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
_CAPTION_SIZE, _CAPTION_LETTER, _CAPTION_LINE = 5.5, 5, 9  # points; pixels of a letter and of a line of it
_CAPTION_LINES = 4  # under a tile at most


def contact_sheet(
    originals: NDArray[np.uint8],
    draws: NDArray[np.uint8],
    path: Path,
    title: str,
    captions: Sequence[str] = (),
) -> None:
    """Write a PNG with one row per image: the original, then its augmented draws.

    originals: (n, H, W, C) uint8. draws: (n, k, H', W', C) uint8. C = 3 is shown in colour, any other number of
        channels as their mean in grey. Images are enlarged by a whole factor, so that every stored pixel is a square;
        where augmentation changes the size, the smaller of the two stands in the middle of its tile.
    path: replaced atomically. title: above, on as many lines as it needs. captions: n * k texts under the draws.
    """
    scale = max(1, -(-_TILE // max(*originals.shape[1:3], *draws.shape[2:4])))
    tiles = _tiles(originals, draws).repeat(scale, axis=2).repeat(scale, axis=3)
    wrapped = [_wrapped(text, tiles.shape[3]) for text in captions]
    below = _CAPTION_LINE * max((len(lines) for lines in wrapped), default=0)
    mosaic, columns, rows = _mosaic(tiles, below)
    width = mosaic.shape[1] + _LABEL + 2 * _MARGIN
    heading = textwrap.wrap(title, max(20, (width - 2 * _MARGIN) // _LETTER))
    head = _HEAD + 20 * (len(heading) - 1)
    height = mosaic.shape[0] + head + 2 * _MARGIN
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=str(_PAPER / 255))
    figure.figimage(mosaic, xo=_MARGIN + _LABEL, yo=_MARGIN, origin="upper")

    def write(x: float, y: float, text: str, **style: Any) -> None:
        figure.text(x / width, 1 - y / height, text, **style)

    write(_MARGIN, _MARGIN, "\n".join(heading), color=_INK, fontsize=13, fontweight="bold", va="top")
    for index, x in enumerate(columns):
        name = "stored" if index == 0 else f"draw {index}"
        write(_MARGIN + _LABEL + x, _MARGIN + head - 8, name, color=_MUTED, fontsize=9, ha="center", va="bottom")
    for index, y in enumerate(rows):
        write(_MARGIN, _MARGIN + head + y, str(index + 1), color=_MUTED, fontsize=9, va="center")
    for index, lines in enumerate(wrapped):
        row, column = divmod(index, draws.shape[1])
        x, y = _MARGIN + _LABEL + columns[column + 1], _MARGIN + head + rows[row] + tiles.shape[2] / 2 + 2
        write(x, y, "\n".join(lines), color=_INK, fontsize=_CAPTION_SIZE, ha="center", va="top")
    atomic.write(path, lambda file: figure.savefig(file, format="png", dpi=_DPI))


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a caption that fit under a tile of so many pixels, the last cut short where there are too many."""
    return textwrap.wrap(text, width // _CAPTION_LETTER, max_lines=_CAPTION_LINES, placeholder=" ...")


def _tiles(originals: NDArray[np.uint8], draws: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, 1 + k, H, W, 3): originals and draws in colour, on tiles that hold either."""
    size = [max(pair) for pair in zip(originals.shape[1:3], draws.shape[2:4], strict=True)]
    placed = [_placed(_to_rgb(images), size) for images in (originals[:, None], draws)]
    return np.concatenate(placed, axis=1)


def _placed(images: NDArray[np.uint8], size: list[int]) -> NDArray[np.uint8]:
    """Images (n, k, H, W, 3) in the middle of tiles of `size`."""
    spare = [whole - edge for whole, edge in zip(size, images.shape[2:4], strict=True)]
    around = [(0, 0), (0, 0), *((room // 2, room - room // 2) for room in spare), (0, 0)]
    return np.pad(images, around, constant_values=_PAPER)


def _to_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., C) -> (..., 3)."""
    if images.shape[-1] == 3:
        return images
    grey = images.mean(axis=-1, keepdims=True).round().astype(np.uint8)
    return np.broadcast_to(grey, (*grey.shape[:-1], 3))


def _mosaic(tiles: NDArray[np.uint8], below: int) -> tuple[NDArray[np.uint8], list[float], list[float]]:
    """Tiles (n, k, H, W, 3) with gaps, the first column set apart; and the middles of columns and of rows.

    below: pixels kept free under every row, for captions.
    """
    count, draws, tile_height, tile_width, _ = tiles.shape
    lefts = [index * (tile_width + _GAP) + (_BREAK - _GAP if index else 0) for index in range(draws)]
    tops = [index * (tile_height + below + _GAP) for index in range(count)]
    mosaic = np.full((tops[-1] + tile_height + below, lefts[-1] + tile_width, 3), _PAPER, dtype=np.uint8)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            mosaic[top : top + tile_height, left : left + tile_width] = tiles[row, column]
    return mosaic, [left + tile_width / 2 for left in lefts], [top + tile_height / 2 for top in tops]
