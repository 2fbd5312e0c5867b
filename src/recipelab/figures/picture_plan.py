"""How large the panels of a picture are, by the words that stand around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipelab.figures.chart import Axis, Chart, Panel, boxes_in_a_row, heat_of, repeats
from recipelab.figures.picture_text import high, inches, wrapped

ALONE, SHARED = (7.6, 4.2), (4.1, 3.0)  # inches of a panel by itself, and of one of several in a row
NARROWEST = 2.2  # inches between a panel's axes
ROW, STRIP, GROUP = 0.3, 0.2, 0.14  # inches of a category on the upright axis, of a strip of states, of a box in a row
NAMES, STEEP = 2.5, 1.9  # inches of a name beside the upright axis, and of a slanted one
LINES = 3  # of a name, at most
NAME, LABEL, TITLE = 8.0, 10.0, 9.5  # points
LARGEST = 16.0  # inches of a matrix
BAR, BESIDE = 0.075, 0.6  # of a matrix's width that its scale of colours takes, and inches of the numbers at it


@dataclass(frozen=True)
class Names:
    """Names along an axis. places, words: those that are shown, with their line breaks. slant: in degrees."""

    places: Sequence[int] = ()
    words: Sequence[str] = ()
    slant: int = 0

    @property
    def wide(self) -> float:
        return max((inches(line, NAME) for word in self.words for line in word.split("\n")), default=0.0)

    @property
    def deep(self) -> float:
        """Inches below the axis."""
        upright = max((high(word, NAME) for word in self.words), default=0.0)
        return upright + self.wide * math.sin(math.radians(self.slant))


@dataclass(frozen=True)
class Plan:
    """One panel. inner: inches between its axes. left: beside them. high: of all of it. x, y: names of its axes."""

    inner: float
    left: float
    high: float
    x: Names
    y: Names
    x_label: str
    y_label: str
    title: str


def plans(chart: Chart, columns: int) -> list[Plan]:
    """Every panel's, where `columns` stand in a row."""
    wide, tall = ALONE if columns == 1 else SHARED
    upright = [_beside(panel, hidden=repeats(chart.panels, i, columns)) for i, panel in enumerate(chart.panels)]
    lefts = [_left(panel, names) for panel, names in zip(chart.panels, upright, strict=True)]
    columns_left = [max(lefts[column::columns]) for column in range(columns)]
    inner = max(wide - sum(columns_left) / columns, NARROWEST, *(_matrix(panel)[0] for panel in chart.panels))
    return [
        _plan(panel, names, inner, columns_left[i % columns], tall)
        for i, (panel, names) in enumerate(zip(chart.panels, upright, strict=True))
    ]


def _plan(panel: Panel, names: Names, inner: float, left: float, tall: float) -> Plan:
    along = _below(panel.x, inner, turned=heat_of(panel) is not None)
    x_label, title = (
        wrapped(t, inner, size) if t else "" for t, size in ((panel.x.label, LABEL), (panel.title, TITLE))
    )
    around = 0.62 + max(0.0, along.deep - 0.15) + high(x_label, LABEL) - high("", LABEL)
    around += (high(title, TITLE) if title else 0.0) + (0.45 if panel.above else 0.0)
    plot = _matrix(panel)[1] or (max(_rows(panel, names), 0.75) if panel.y.categories is not None else tall - 0.75)
    return Plan(inner, left, plot + around, along, names, x_label, wrapped(panel.y.label, plot, LABEL), title)


def _matrix(panel: Panel) -> tuple[float, float]:
    """Inches of a matrix, by its cells; nothing of anything else."""
    heat = heat_of(panel)
    if heat is None or heat.states is not None:
        return 0.0, 0.0
    rows, columns = heat.values.shape
    cell = 0.5 if heat.texts is not None and columns <= 12 else 0.36 if columns <= 40 else 0.14
    cell = min(cell, LARGEST / max(rows, columns))
    return max(columns * cell, 2.6), max(rows * cell, 2.2)


def _rows(panel: Panel, names: Names) -> float:
    """Inches of all categories on the upright axis: of their lines, or of the boxes in a row."""
    if heat_of(panel) is not None:
        return STRIP * len(panel.y.categories or ())
    lines = max((high(word, NAME) for word in names.words), default=0.0)
    return max(ROW, lines + 0.07, boxes_in_a_row(panel) * GROUP) * len(panel.y.categories or ())


def _beside(panel: Panel, *, hidden: bool) -> Names:
    """Names on the upright axis; hidden: those to the left are the same."""
    if panel.y.categories is None:
        return Names()
    size = _matrix(panel)[1]
    every = max(1, math.ceil(high("", NAME) * len(panel.y.categories) / size)) if size else 1
    places = range(0, len(panel.y.categories), every)
    if hidden:
        return Names(list(places), [""] * len(places))
    most = 1 if heat_of(panel) is not None else LINES
    return Names(list(places), [wrapped(panel.y.categories[place], NAMES, NAME, most) for place in places])


def _left(panel: Panel, names: Names) -> float:
    """Inches beside the upright axis."""
    numbers = names.wide if panel.y.categories is not None else 0.42
    wide = _matrix(panel)[0]
    bar = BAR * max(wide, ALONE[0] - 2.0) + BESIDE if wide else 0.0
    return numbers + 0.2 + (high(panel.y.label, LABEL) if panel.y.label else 0.0) + bar


def _below(axis: Axis, inner: float, *, turned: bool) -> Names:
    """Names along the axis: beside each other if they fit, numbers else fewer, and words else slanted or upright."""
    if axis.categories is None:
        return Names()
    count = len(axis.categories)
    pitch = inner / count
    longest = max((inches(name, NAME) for name in axis.categories), default=0.0)
    if longest <= 0.45:
        places = list(range(0, count, math.ceil((longest + 0.06) / pitch)))
        return Names(places, [axis.categories[place] for place in places])
    words = [wrapped(name, pitch - 0.1, NAME) for name in axis.categories]
    whole = all(inches(part, NAME) <= pitch - 0.1 for name in axis.categories for part in name.split())
    if whole and max(word.count("\n") for word in words) < LINES:
        return Names(list(range(count)), words)
    places = list(range(0, count, math.ceil(high("", NAME) / pitch)))
    slant = 90 if turned or pitch * places_step(places) < 0.24 else 35
    return Names(places, [wrapped(axis.categories[place], STEEP, NAME, 1) for place in places], slant)


def places_step(places: Sequence[int]) -> int:
    """How many categories lie between two that are named."""
    return places[1] - places[0] if len(places) > 1 else 1
