"""Runs as dots: colours, shapes, and what the legend says of both."""

from __future__ import annotations

import pytest

from recipelab.figures.chart import Axis, Chart, Panel, Points
from recipelab.figures.dots import Dot, beside, dots
from recipelab.figures.pictures import picture

SEVEN = [f"colour {i}" for i in range(7)]


def test_seven_colours_and_four_shapes_all_look_different_in_the_legend():
    found = [Dot(i, i, name, f"shape {i % 4}") for i, name in enumerate(SEVEN)]
    handles = picture(Chart("c", "t", [Panel(Axis("x"), Axis("y"), dots(found))])).legends[0].legend_handles
    looks = {(h.get_marker(), h.get_color(), h.get_markerfacecolor()) for h in handles}  # type: ignore[union-attr]
    assert len(looks) == len(handles) == 11


def test_every_dot_is_drawn_once_with_its_words_and_its_record():
    found = [Dot(1, 2, "a", "s", "said", "runs/1"), Dot(3, 4, "b", "s", "told", "runs/2"), Dot(5, 6, "a", "t")]
    drawn = [mark for mark in dots(found) if isinstance(mark, Points) and len(mark.x)]
    assert sorted((x, t, r) for m in drawn for x, t, r in zip(m.x, m.texts, m.runs, strict=True)) == [
        (1, "said", "runs/1"), (3, "told", "runs/2"), (5, "", ""),
    ]  # fmt: skip


def test_more_shapes_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="4 shapes"):
        dots([Dot(0, 0, "", str(i)) for i in range(5)])


def test_dots_of_one_category_are_spread_evenly_around_it():
    assert beside(3, 0.6).tolist() == pytest.approx([-0.3, 0, 0.3])
    assert beside(1).tolist() == [0]
