"""What stands around every picture: its title above and its caption below."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure as Canvas

from recipelab.figures.palette import INK, MUTED
from recipelab.figures.picture_text import wrapped

TITLE, CAPTION, EDGE = 0.185, 0.135, 0.05  # inches of a line of each, and of what is kept free above
SIDES = 0.2  # inches beside them
BOLD = 1.14  # times as wide as plain letters


def heading(canvas: Canvas, title: str, caption: str, size: tuple[float, float]) -> None:
    """Put the title on top and the caption below it, and make the picture as much higher as they need.

    size: inches of what is drawn below them. The layout makes room for the title alone, so that has empty lines where
    the caption stands.
    """
    width, height = size
    lines = wrapped(title, (width - SIDES) / BOLD, 11).split("\n")
    small = wrapped(caption, width - SIDES, 7.5).split("\n") if caption else []
    empty = math.ceil((len(small) * CAPTION + 0.03) / TITLE) if small else 0
    height += (len(lines) + empty) * TITLE + EDGE
    canvas.set_size_inches(width, height)
    head = "\n".join([*lines, *[" "] * empty])
    style: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    canvas.suptitle(head, x=0.1 / width, fontweight="bold", fontsize=11, color=INK, **style)  # the layout finds y
    below = 1 - (EDGE + len(lines) * TITLE + 0.03) / height
    if small:
        canvas.text(0.1 / width, below, "\n".join(small), fontsize=7.5, color=MUTED, linespacing=1.25, **style)
