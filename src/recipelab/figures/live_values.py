"""Numbers and names as plotly.js takes them."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import numpy as np

from recipelab.figures.chart import Axis
from recipelab.figures.palette import COLOURS
from recipelab.figures.words import lines_of

GREY = "#888888"  # for ink: seen on white and on black
DIGITS = 6
LINE = 42  # letters of a legend's line, which a narrow page has room for
Trace = dict[str, Any]


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON can say them, with six digits; None for what is not finite."""
    return [float(f"{v:.{DIGITS}g}") if np.isfinite(v) else None for v in np.asarray(list(values), dtype=np.float64)]


def scale_of(axis: Axis) -> float:
    """What values are multiplied with: shares are labelled in percent."""
    return 100.0 if axis.percent else 1.0


def plain(text: str) -> str:
    """Text that is neither markup nor a formula."""
    return html.escape(text).replace("$", "&#36;")


def named(name: str) -> Trace:
    """The name, as the legend has it; marks of one name are shown and hidden together."""
    if not name:
        return {"name": ""}
    return {"name": "<br>".join(plain(line) for line in lines_of(name, LINE)), "legendgroup": plain(name)}


def braced(text: str) -> str:
    """Text in a hover template: its own braces are not ours."""
    return text.replace("%{", "%&#123;")


def in_lines(text: str) -> str:
    """Text without markup; its lines stay lines."""
    return plain(text).replace("\n", "<br>")


def escaped(texts: Iterable[str]) -> list[str]:
    """Texts without markup; their lines stay lines."""
    return [in_lines(text) for text in texts]


def seen(index: int) -> str:
    """The colour of an index; black is grey here, as a page may be black."""
    colour = COLOURS[index % len(COLOURS)]
    return GREY if colour == "#000000" else colour
