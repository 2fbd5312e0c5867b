"""Charts with every kind of mark, for both renderers."""

from __future__ import annotations

import numpy as np

from recipelab.figures.chart import (
    Axis,
    Bars,
    Boxes,
    Chart,
    Dimension,
    Figure,
    Heat,
    Line,
    Panel,
    Parallel,
    Points,
    Rule,
    Tile,
    Tiles,
)  # fmt: skip

X = np.arange(1.0, 6.0)
EVIL = "</script><b onclick='x'>%{x} $\\frac{1}{0 "
NAMES = ["one", EVIL, "three"]


def lines() -> Chart:
    gap = np.array([0.1, np.nan, 0.3, 0.4, np.inf])
    marks = [
        Line(X, gap, EVIL, 0, low=gap - 0.05, high=gap + 0.05),
        *(Line(X, X / 10, f"line {index}", index) for index in range(1, 9)),
        Rule(0.2, "y", "limit"),
    ]
    panel = Panel(Axis("epoch"), Axis("accuracy (%)", percent=True), marks, EVIL)
    log = Panel(Axis("half-life", log=True), Axis("y"), [Line(X, X)], above=("decay", [(2.0, ".9"), (4.0, ".99")]))
    return Chart("lines", EVIL, [panel, log, panel], "n = 1", columns=2)


def dots() -> Chart:
    marks = [
        Points([], [], "in the legend alone", 9),
        Points([0.1, 0.2], [0, 1], EVIL, 1, "cross", texts=[EVIL, "two\nlines"], runs=["a/b", "c"]),
        Points([0.2], [2], colour=8, low=[0.1], high=[0.4], along="x", shape="tick"),
        Boxes([0, 1], [[0.1, 0.2, 0.3, 0.9], [0.2]], "box", 2),
    ]
    return Chart("dots", "t", [Panel(Axis("share (%)", percent=True), Axis("", categories=NAMES, reverse=True), marks)])


def cells() -> Chart:
    counts = np.array([[5.0, 0.0], [1.0, 9.0]])
    two = Axis("class", categories=["a", EVIL])
    texts = [["5", ""], ["1", "9"]]
    states = np.array([[1.0, np.nan], [0.0, 1.0]])
    heats = [Heat(counts, texts, "n", log=True), Heat(counts, label="%", root=True), Heat(states, states=("no", "yes"))]
    return Chart("cells", "t", [Panel(two, two, [heat]) for heat in heats], columns=3)


def everything() -> list[Figure]:
    bars = Chart("bars", "t", [Panel(Axis("x"), Axis("n", log=True), [Bars([0, 1, 2], [3, 4], "b")])], legend=False)
    tiles = Tiles("tiles", EVIL, [Tile(np.full((4, 4, c), 9, np.uint8), EVIL) for c in (1, 3)], columns=2)
    dimensions = [
        Dimension(Axis("lr", log=True), [0.1, 0.01]),
        Dimension(Axis("model", categories=["a", EVIL]), [0, 1]),
    ]
    parallel = Parallel("parallel", "t", dimensions, Dimension(Axis("accuracy (%)", percent=True), [0.5, 0.6]))
    return [lines(), dots(), cells(), bars, tiles, parallel]
