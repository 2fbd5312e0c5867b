"""Runs as dots between two quantities: a colour for one property, a shape for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Mark, Points, Shape

SHAPES: tuple[Shape, ...] = ("circle", "cross", "diamond", "square")
NEUTRAL = 13  # the colour of a shape's sample in the legend: hollow black, as a seventh name is full black


@dataclass(frozen=True)
class Dot:
    """x, y: where it is. colour, shape: names of its properties, "" for none. text: what it says. run: its record."""

    x: float
    y: float
    colour: str = ""
    shape: str = ""
    text: str = ""
    run: str = ""


def dots(found: Sequence[Dot]) -> list[Mark]:
    """Marks of all dots, after samples for the legend of every colour and of every shape."""
    colours = list(dict.fromkeys(dot.colour for dot in found))
    shapes = list(dict.fromkeys(dot.shape for dot in found))
    if len(shapes) > len(SHAPES):
        raise ValueError(f"{len(SHAPES)} shapes can be told apart, not {len(shapes)}")
    marks: list[Mark] = [Points([], [], name, index) for index, name in enumerate(colours) if name]
    marks += [Points([], [], name, NEUTRAL, SHAPES[index]) for index, name in enumerate(shapes) if name]
    for index, colour in enumerate(colours):
        for number, shape in enumerate(shapes):
            some = [dot for dot in found if (dot.colour, dot.shape) == (colour, shape)]
            if some:
                places = [dot.x for dot in some], [dot.y for dot in some]
                texts, runs = [dot.text for dot in some], [dot.run for dot in some]
                marks.append(Points(*places, "", index, SHAPES[number], texts=texts, runs=runs))
    return marks


def beside(count: int, width: float = 0.6) -> NDArray[np.float64]:
    """(count,) offsets that spread dots of one category evenly: jitter that is the same every time."""
    return np.zeros(1) if count == 1 else (np.arange(count) / (count - 1) - 0.5) * width
