"""A chart as plain data: what is drawn, said once; one renderer makes pictures of it, another the page's live figures.

A chart is panels in rows of `columns`; a panel is two axes and the marks between them. Numbers are arrays or lists;
NaN leaves a gap. Colours are indices into `palette.COLOURS`, so that a name keeps its colour from chart to chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = Sequence[float] | NDArray[np.floating] | NDArray[np.integer]
Shape = Literal["circle", "cross", "diamond", "square", "tick"]
Dash = Literal["solid", "dashed", "dotted"]


@dataclass(frozen=True)
class Axis:
    """label: the quantity with its unit. percent: values are shares in [0, 1], written in percent.
    categories: names of the positions 0, 1, ...; limits: what is shown; reverse: ascending downwards or leftwards.
    """

    label: str
    log: bool = False
    percent: bool = False
    categories: Sequence[str] | None = None
    limits: tuple[float, float] | None = None
    reverse: bool = False


@dataclass(frozen=True)
class Line:
    """A line through (x, y), with a band from low to high where they are given. faint: drawn thin and pale."""

    x: Numbers
    y: Numbers
    name: str = ""
    colour: int = 0
    dash: Dash = "solid"
    faint: bool = False
    low: Numbers | None = None
    high: Numbers | None = None
    step: bool = False


@dataclass(frozen=True)
class Points:
    """Dots at (x, y), with an interval from low to high along one axis where they are given.

    texts: what a dot says when it is pointed at. runs: the record behind each dot, for the link. shape: a tick is a
    short line across `along`, as of a mean. Marks without a place stand in the legend alone. labels: a word beside each
    dot, where there is room for it.
    """

    x: Numbers
    y: Numbers
    name: str = ""
    colour: int = 0
    shape: Shape = "circle"
    low: Numbers | None = None
    high: Numbers | None = None
    along: Literal["x", "y"] = "y"
    texts: Sequence[str] = ()
    runs: Sequence[str] = ()
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Bars:
    """A histogram: heights between neighbouring edges (one more than heights)."""

    edges: Numbers
    heights: Numbers
    name: str = ""
    colour: int = 0


@dataclass(frozen=True)
class Boxes:
    """Box plots, one a position: quartiles, whiskers at 1.5 times their distance, what is outside as diamonds."""

    at: Numbers
    values: Sequence[Numbers]
    name: str = ""
    colour: int = 0
    along: Literal["x", "y"] = "x"


@dataclass(frozen=True)
class Rule:
    """A straight line across the panel: at a value of the axis `on`."""

    at: float
    on: Literal["x", "y"] = "y"
    name: str = ""
    colour: int | None = None
    dash: Dash = "dashed"


@dataclass(frozen=True)
class Span:
    """A stretch of the axis x that is shaded and hatched, from low to high, as of values that there are none of."""

    low: float
    high: float
    name: str = ""


@dataclass(frozen=True)
class Heat:
    """A matrix of coloured cells, row 0 at the top; the axes' categories name rows (y) and columns (x).

    texts: what is written in each cell; none where empty. log: colours by the logarithm; root: by the square root.
    states: for a matrix of 0 and 1 (NaN: not known), what they mean: two colours and no scale.
    """

    values: NDArray[np.floating]
    texts: Sequence[Sequence[str]] | None = None
    label: str = ""
    log: bool = False
    states: tuple[str, str] | None = None
    root: bool = False


@dataclass(frozen=True)
class Tile:
    """An image (H, W, C) uint8, C 1 or 3, with lines of text below it."""

    image: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True)
class Dimension:
    """One axis of parallel coordinates: a value a run; categories name the values 0, 1, ..."""

    axis: Axis
    values: Numbers


Mark = Line | Points | Bars | Boxes | Rule | Span | Heat


@dataclass(frozen=True)
class Panel:
    """Two axes and the marks between them, the later above the earlier. above: a second scale of x, (place, text)."""

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    title: str = ""
    above: tuple[str, Sequence[tuple[float, str]]] | None = None


@dataclass(frozen=True)
class Chart:
    """Panels. name: of its files, [a-z0-9_]; title: one line; caption: what is to be seen, with n and what a band is.

    shared: the panels have the same axes, which zoom together; legend: whether names are told in one.
    """

    name: str
    title: str
    panels: Sequence[Panel]
    caption: str = ""
    columns: int = 1
    shared: bool = False
    legend: bool = True


@dataclass(frozen=True)
class Tiles:
    """Images in rows of `columns`."""

    name: str
    title: str
    tiles: Sequence[Tile]
    caption: str = ""
    columns: int = 8


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates: a line a run across its dimensions, coloured by `value`. texts: what a line says."""

    name: str
    title: str
    dimensions: Sequence[Dimension]
    value: Dimension
    caption: str = ""
    texts: Sequence[str] = field(default_factory=tuple)


Figure = Chart | Tiles | Parallel


def heat_of(panel: Panel) -> Heat | None:
    """The panel's matrix, if it is one."""
    return next((mark for mark in panel.marks if isinstance(mark, Heat)), None)


def repeats(panels: Sequence[Panel], index: int, columns: int) -> bool:
    """Whether a panel has the names of the one to its left on its upright axis, and need not say them again."""
    names = panels[index].y.categories
    return names is not None and index % columns > 0 and list(names) == list(panels[index - 1].y.categories or ())


def counted(panel: Panel) -> bool:
    """Whether x is counted, as epochs are: every place of a line or dot is a whole number."""
    if panel.x.percent or panel.x.log or panel.x.categories is not None:
        return False
    values = [np.asarray(mark.x, dtype=np.float64) for mark in panel.marks if isinstance(mark, Line | Points)]
    there = np.concatenate(values) if values else np.zeros(0)
    there = there[np.isfinite(there)]
    return bool(len(there)) and bool((there == np.rint(there)).all())


def boxes_in_a_row(panel: Panel) -> int:
    """How many boxes share a category, at most."""
    places = [np.asarray(mark.at, dtype=np.float64) for mark in panel.marks if isinstance(mark, Boxes)]
    return int(max(np.unique(np.rint(np.concatenate(places)), return_counts=True)[1], default=1)) if places else 1
