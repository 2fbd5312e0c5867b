"""Where the panels of a live figure stand, by the words around them: pixels of a page that is at least so wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipelab.figures.chart import Axis, Chart, Panel, boxes_in_a_row, heat_of, repeats
from recipelab.figures.words import lines_of

WIDTHS = (960, 700, 320)
"""Widths that a page has layouts for."""
LETTER, LINE = 6.6, 16  # pixels of a letter of 12 pixels, and of a line
HIGH, LOW, ROW, STRIP, GROUP = 330, 120, 24, 14, 13  # of a panel, a category on the upright axis, a strip, a box
LARGE, CELL, CELLS = 42, 30, (220, 760)  # of a matrix's cell where they are few, where they are not, and of all
FEW = 12  # cells in a column
NARROWEST = 250  # of a panel with what stands around it
EDGE, AIR, NUMBERS = 16, 14, 44  # to the right, between two panels, and numbers beside an upright axis
ABOVE = 34  # of a second scale
LINES = 3  # of a name beside an axis
LETTERS, SHORT = 20, 5  # of a name along an axis, and of one that is not turned


@dataclass(frozen=True)
class Place:
    """One panel: its domain on the page (x0, x1, y0, y1) in shares; inner, high: its pixels between the axes; and its
    words in lines."""

    domain: tuple[float, float, float, float]
    inner: float
    high: float
    names: Sequence[str]
    x_label: str
    y_label: str
    title: str


@dataclass(frozen=True)
class Page:
    """All panels. high: pixels between the margins top and bottom, beside the margin left."""

    places: Sequence[Place]
    high: float
    top: float
    bottom: float
    left: float


def broken(text: str, room: float, most: int = 0) -> str:
    """Text in lines of so many pixels, apart by line breaks."""
    return "\n".join(lines_of(text, max(4.0, room / LETTER), most=most)) if text else ""


def columns_of(chart: Chart, width: int) -> int:
    """Panels in a row: as the chart says, or as many as there is room for."""
    return max(1, min(chart.columns, len(chart.panels), width // NARROWEST))


def page_of(chart: Chart, width: int) -> Page:
    """The panels on a page of `width` pixels."""
    columns = columns_of(chart, width)
    hidden = [repeats(chart.panels, index, columns) for index in range(len(chart.panels))]
    named = columns if not all(no for i, no in enumerate(hidden) if i % columns) else min(columns, 1.3)
    names = [_names(panel, width / named) for panel in chart.panels]
    beside = [_beside(panel, () if no else words) for panel, words, no in zip(chart.panels, names, hidden, strict=True)]
    lefts = [max(beside[column::columns]) for column in range(columns)]
    inner = max((width - EDGE - sum(lefts) - AIR * (columns - 1)) / columns, 60.0)
    whole = inner * columns + sum(lefts[1:]) + AIR * (columns - 1)
    starts = [sum(lefts[1 : column + 1]) + column * (inner + AIR) for column in range(columns)]
    rows = [range(first, min(first + columns, len(names))) for first in range(0, len(names), columns)]
    labels = [broken(panel.x.label, inner) for panel in chart.panels]
    titles = [broken(panel.title, inner) for panel in chart.panels]
    plots = [max(_high(chart.panels[i], names[i], width) for i in row) for row in rows]
    above = [max(_above(chart.panels[i], titles[i]) for i in row) for row in rows]
    below = [max(_below(chart.panels[i].x, labels[i], inner) for i in row) for row in rows]
    high = sum(plots) + sum(above[1:]) + sum(below[:-1])
    places = []
    for number, row in enumerate(rows):
        top = sum(plots[:number]) + sum(above[1 : number + 1]) + sum(below[:number])
        ends = 1 - (top + plots[number]) / high, 1 - top / high
        for column, i in enumerate(row):
            wide = _wide(chart.panels[i], inner)
            domain = starts[column] / whole, (starts[column] + wide) / whole, *ends
            shown = [""] * len(names[i]) if hidden[i] else names[i]
            y_label = broken(chart.panels[i].y.label, plots[number])
            places.append(Place(domain, wide, plots[number], shown, labels[i], y_label, titles[i]))
    return Page(places, high, above[0], below[-1], lefts[0])


def legend_high(names: Sequence[str], width: int) -> float:
    """Pixels of a legend below, whose entries stand in columns as wide as the widest."""
    if not names:
        return 0.0
    widest = max(len(line) for name in names for line in name.split("\n")) * LETTER + 50
    each = max(1, int(width // widest))
    rows = [names[first : first + each] for first in range(0, len(names), each)]
    return 12 + sum(LINE * max(name.count("\n") + 1 for name in row) + 3 for row in rows)


def _names(panel: Panel, width: float) -> list[str]:
    """Names of the upright axis in lines."""
    return [broken(name, min(260.0, 0.36 * width), LINES) for name in panel.y.categories or ()]


def _beside(panel: Panel, names: Sequence[str]) -> float:
    words = max((len(line) for name in names for line in name.split("\n")), default=0) * LETTER + 8
    label = LINE + 6 if panel.y.label else 0
    return (words if panel.y.categories is not None else NUMBERS) + label


def _wide(panel: Panel, inner: float) -> float:
    """Pixels between the upright axes: of a matrix no more than its cells need."""
    heat = heat_of(panel)
    return inner if heat is None or heat.states is not None else min(inner, max(2 * LARGE * heat.values.shape[1], 300))


def _high(panel: Panel, names: Sequence[str], width: int) -> float:
    heat = heat_of(panel)
    if heat is not None and heat.states is None:
        cell = LARGE if len(heat.values) <= FEW else CELL
        return min(max(len(heat.values) * cell, CELLS[0]), CELLS[1], 1.3 * width)
    if panel.y.categories is None:
        return HIGH
    lines = max((name.count("\n") + 1 for name in names), default=1)
    each = STRIP if heat is not None else max(ROW, LINE * lines + 6, GROUP * boxes_in_a_row(panel))
    return max(len(names) * each, LOW)


def _above(panel: Panel, title: str) -> float:
    return 12 + (LINE * (title.count("\n") + 1) + 4 if title else 0) + (ABOVE if panel.above else 0)


def _below(axis: Axis, label: str, inner: float) -> float:
    """Numbers or names, turned where they do not fit, and the label."""
    slant = math.sin(math.radians(turned(axis, inner)))
    return 26 + slant * longest(axis) * LETTER + (LINE * (label.count("\n") + 1) + 4 if label else 0)


def longest(axis: Axis) -> int:
    """Letters of the longest name that is written along an axis."""
    return min(max((len(name) for name in axis.categories or ()), default=0), LETTERS)


def turned(axis: Axis, inner: float) -> int:
    """Degrees that names along an axis are turned by: none where they fit, or where they are short and fewer will."""
    if axis.categories is None or longest(axis) <= SHORT or longest(axis) * LETTER + 8 <= inner / len(axis.categories):
        return 0
    return 40 if inner > 400 and inner / len(axis.categories) > 24 else 90
