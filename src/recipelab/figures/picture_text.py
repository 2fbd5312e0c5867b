"""How long text is in a picture, before it is drawn."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from recipelab.figures.words import lines_of

LINE = 1.2  # heights of its letters that a line takes
_MEASURE = TextToPath()


@lru_cache(maxsize=4096)
def inches(text: str, points: float) -> float:
    """How long a line of text is in letters of so many points, in inches."""
    width, _, _ = _MEASURE.get_text_width_height_descent(text, FontProperties(size=points), ismath=False)
    return float(width) / 72


def wrapped(text: str, room: float, points: float, most: int = 0) -> str:
    """The text with line breaks, no line longer than `room` inches; most: lines, the last shortened in its middle."""
    return "\n".join(lines_of(text, max(room, 4 * points / 72), lambda line: inches(line, points), most))


def high(text: str, points: float) -> float:
    """How high its lines are together, in inches."""
    return (text.count("\n") + 1) * LINE * points / 72
