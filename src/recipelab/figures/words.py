"""Text that has to fit: broken into lines, and what is still too long shortened in its middle.

Names that are told apart have their differences at their ends, so that both ends are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Measure = Callable[[str], float]
"""How long a text is, in any unit."""
_BREAKS = r"\-_/.,:="  # a word that is too long may end behind one of these
_LONGEST = 600  # letters of any text that are looked at


def lines_of(text: str, room: float, measure: Measure = len, most: int = 0) -> list[str]:
    """The text in lines of at most `room`; with `most`, in so many at most, the last shortened in its middle."""
    text = shortened(text, _LONGEST)
    lines = [line for part in text.split("\n") for line in _broken(part, room, measure)]
    if most and len(lines) > most:
        lines = [*lines[: most - 1], shortened("".join(lines[most - 1 :]), room, measure)]
    return [line.strip() for line in lines]


def shortened(text: str, room: float, measure: Measure = len) -> str:
    """The text, or its two ends with a dot-dot-dot between them, as much as there is room for."""
    if measure(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:  # the most letters that fit
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(_ends(text, middle)) <= room else (low, middle - 1)
    return _ends(text, low)


def _ends(text: str, letters: int) -> str:
    tail = letters // 2
    return f"{text[: letters - tail]}…{text[len(text) - tail :]}"


def _broken(text: str, room: float, measure: Measure) -> list[str]:
    """Lines whose letters are together the text: each as full as it can be."""
    lines, line = [], ""
    for word in re.findall(r" *[^ ]+ *$| *[^ ]+", text) or [text]:
        for piece in [word] if measure(word.strip()) <= room else _parts(word, room, measure):
            if line.strip() and measure((line + piece).strip()) > room:
                lines.append(line)
                line = ""
            line += piece
    return [*lines, line]


def _parts(word: str, room: float, measure: Measure) -> list[str]:
    """A word that is longer than a line, in parts that are not: behind its hyphens and points, or else anywhere."""
    parts = []
    for part in re.findall(rf"[^{_BREAKS}]*[{_BREAKS}]|[^{_BREAKS}]+", word):
        rest = part
        while measure(rest) > room and len(rest) > 1:
            fits = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or measure(rest[:n]) <= room)
            parts.append(rest[:fits])
            rest = rest[fits:]
        parts.append(rest)
    return parts
