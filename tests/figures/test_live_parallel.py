"""Parallel coordinates on a page: what lines, axes and colours say."""

from __future__ import annotations

from typing import Any

import numpy as np

from recipelab.figures.chart import Axis, Dimension, Parallel
from recipelab.figures.live import live
from recipelab.figures.live_parallel import SCALE, SHADES

RATES = [0.01, 0.1, 1.0]
FIGURE = Parallel(
    "p",
    "t",
    [Dimension(Axis("rate", log=True), RATES), Dimension(Axis("model", categories=["mlp", "<b>"]), [0, 1, 0])],
    Dimension(Axis("accuracy (%)", percent=True), [0.5, 0.9, 0.7]),
    texts=["one", "two", "three"],
)


def traces(figure: Parallel, mode: str) -> list[dict[str, Any]]:
    found = live(figure)
    assert found is not None
    return [trace for trace in found["data"] if trace["mode"] == mode]


def test_a_run_is_a_line_across_all_axes_coloured_by_its_value() -> None:
    worst, middle, best = traces(FIGURE, "lines+markers")
    assert worst["x"] == [0, 1, 2, None]
    assert worst["y"] == [0, 0, 0, None]
    assert middle["y"] == [1, 0, 0.5, None]
    assert best["y"] == [0.5, 1, 1, None]
    assert [one["line"]["color"] for one in (worst, best)] == [SCALE[0], SCALE[-1]]


def test_every_corner_says_its_value_and_its_run_without_markup() -> None:
    best = traces(FIGURE, "lines+markers")[-1]
    assert best["text"] == ["rate: 0.1<br>two", "model: &lt;b&gt;<br>two", "accuracy (%): 90<br>two", ""]


def test_axes_have_their_numbers_and_names() -> None:
    rate, model, accuracy = traces(FIGURE, "lines+text")
    assert rate["y"] == [0, 0, 0.5, 1, 1]
    assert rate["text"] == ["", "0.01", "0.1", "1", ""]
    assert model["text"] == ["", "mlp", "&lt;b&gt;", ""]
    assert accuracy["text"] == ["", "50", "70", "90", ""]


def test_numbers_that_would_cover_each_other_are_replaced_by_even_ones() -> None:
    close = Dimension(Axis("rate"), [0.0, 0.01, 1.0])
    (axis, _) = traces(Parallel("p", "t", [close], FIGURE.value), "lines+text")
    assert axis["text"] == ["", "0", "0.25", "0.5", "0.75", "1", ""]


def test_a_thousand_runs_are_as_many_traces_as_shades_and_no_webgl() -> None:
    values = np.linspace(0, 1, 1000)
    figure = Parallel("p", "t", [Dimension(Axis("a"), values)], Dimension(Axis("b"), values))
    found = live(figure)
    assert found is not None
    lines = traces(figure, "lines+markers")
    assert len(lines) == SHADES
    assert sum(x is None for line in lines for x in line["x"]) == 1000
    assert {trace["type"] for trace in found["data"]} == {"scatter"}


def test_what_is_not_finite_leaves_a_gap() -> None:
    figure = Parallel("p", "t", [Dimension(Axis("a"), [np.nan, 1.0, 2.0])], Dimension(Axis("b"), [0.0, 1.0, np.inf]))
    first = traces(figure, "lines+markers")[0]
    assert None in first["y"]
    assert "a: none" in first["text"]
