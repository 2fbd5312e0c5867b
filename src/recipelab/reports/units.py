"""Numbers as a report shows them: accuracies in percent, the rest with four digits after the point; NaN never hides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipelab.metrics.directions import TOP


@dataclass(frozen=True)
class Unit:
    """scale: what a metric's value is multiplied with; digits: after the point; sign: named in headings."""

    scale: float
    digits: int
    sign: str

    def text(self, value: float | None) -> str:
        return "" if value is None else f"{value * self.scale:.{self.digits}f}"

    def change(self, value: float | None) -> str:
        """With its sign."""
        return "" if value is None else f"{value * self.scale:+.{self.digits}f}"

    def ends(self, low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"[{self.text(low)}, {self.text(high)}]"

    def distance(self, value: float) -> str:
        """A difference without its sign; one of percentages is in points."""
        return f"{value * self.scale:g}{' points' if self.sign else ''}"

    def heading(self, words: str) -> str:
        return f"{words} ({self.sign})" if self.sign else words


PERCENT, PLAIN = Unit(100.0, 2, "%"), Unit(1.0, 4, "")


def unit(metric: str) -> Unit:
    """Of accuracies: percent. Everything else as it is."""
    return PERCENT if metric == "accuracy" or TOP.fullmatch(metric) else PLAIN


def probability(p: float | None) -> str:
    return "" if p is None else f"{p:.3g}"


def duration(seconds: object) -> str:
    """Seconds as people say them: 42 s, 12 min, 3.4 h."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def number(value: Any) -> float | None:
    """A number of a record, or None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def numbers_in(value: Any) -> dict[str, float]:
    """The single numbers of a dictionary of metrics."""
    found = {str(key): number(one) for key, one in value.items()} if isinstance(value, Mapping) else {}
    return {key: one for key, one in found.items() if one is not None}
