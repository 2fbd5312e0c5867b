"""What the figures of a run share: colours that everybody can tell apart, and plain axes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

# Okabe & Ito 2008, Color universal design; yellow left out, as it is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, MUTED = "#1a1a1a", "#666666"
# Of ColorBrewer's Blues (Brewer 2003), from few to many: even the fewest can be seen.
BLUES = ("#deebf7", "#9ecae1", "#4292c6", "#2171b5", "#08306b")
STATES = ("#E69F00", "#0072B2")  # of 0 and 1, such as wrong and right; apart in brightness too


def colour_indices(names: Iterable[str]) -> list[int]:
    """An index of a colour a view, of `raw` always the first: a view has one colour in every chart of a run."""
    others = count(1)
    return [0 if name == "raw" else next(others) for name in names]
