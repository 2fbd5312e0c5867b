"""What the figures of a run share: colours that everybody can tell apart, and plain axes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, cycle
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from recipelab.core import atomic

# Okabe & Ito 2008, Color universal design; yellow left out, as it is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, MUTED = "#1a1a1a", "#666666"
STATES = ("#E69F00", "#0072B2")  # of 0 and 1, such as wrong and right; apart in brightness too


def colours(names: Iterable[str]) -> list[str]:
    """A colour a view, of `raw` always the first: a view has one colour in every picture of a run."""
    others = cycle(COLOURS[1:])
    return [COLOURS[0] if name == "raw" else next(others) for name in names]


def colour_indices(names: Iterable[str]) -> list[int]:
    """An index of a colour a view, of `raw` always the first: a view has one colour in every chart of a run."""
    others = count(1)
    return [0 if name == "raw" else next(others) for name in names]


def framed(title: str, x: str, y: str, size: tuple[float, float] = (8, 4.5)) -> tuple[Figure, Any]:
    """A figure and its axes, with a title and the names of both axes. size: in inches, of 120 pixels."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold", fontsize=11, pad=12, parse_math=False)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, replaced atomically."""
    atomic.write(path, lambda file: figure.savefig(file, format="png"))
