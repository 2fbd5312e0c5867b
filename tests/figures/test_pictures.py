"""Charts as pictures: what is drawn is what was given, and files are whole."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import charts
import crowded
from recipelab.figures.chart import Heat
from recipelab.figures.palette import COLOURS
from recipelab.figures.pictures import picture, write


@pytest.mark.parametrize("figure", charts.everything(), ids=lambda figure: figure.name)
def test_every_kind_is_written_as_png_and_svg_and_nothing_else_is_left(figure, tmp_path):
    for kind in ("png", "svg"):
        write(figure, tmp_path / f"a.{kind}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
    ElementTree.parse(tmp_path / "a.svg")
    before = (tmp_path / "a.svg").read_bytes()
    write(figure, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == before


def test_another_ending_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match="png or a .svg"):
        write(charts.lines(), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_shares_are_drawn_in_percent_and_gaps_stay_gaps():
    first = picture(charts.lines()).axes[0].lines[0]
    assert np.allclose(first.get_ydata(), [10, np.nan, 30, 40, np.inf], equal_nan=True)


def test_nine_lines_are_told_apart_by_colour_or_dash():
    axes = picture(charts.lines()).axes[0]
    looks = {(line.get_color(), str(line._dash_pattern)) for line in axes.lines[:9]}  # type: ignore[attr-defined]
    assert len(looks) == 9


def test_every_name_stands_once_in_the_legend():
    words = [text.get_text() for text in picture(charts.lines()).legends[0].get_texts()]
    assert words == [charts.EVIL.strip(), *(f"line {index}" for index in range(1, 9)), "limit"]
    assert not picture(replace(charts.lines(), legend=False)).legends


def test_a_matrix_has_its_first_row_on_top_and_what_is_written_in_its_cells():
    axes = picture(charts.cells()).axes[0]
    assert axes.images[0].origin == "upper"
    assert {text.get_text() for text in axes.texts} == {"5", "1", "9"}
    assert isinstance(charts.cells().panels[0].marks[0], Heat)


def test_the_caption_stands_in_the_picture_unless_a_page_has_it():
    def words(caption: bool) -> str:
        return " ".join(text.get_text() for text in picture(charts.lines(), caption=caption).texts)

    assert "n = 1" in words(True)
    assert "n = 1" not in words(False)


def test_a_colour_that_is_seldom_is_kept(tmp_path):
    """A legend's sample is a few pixels of a colour, and shall not turn into its neighbour's."""
    figure = crowded.slanted()
    write(figure, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        there = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).astype(int)
    for colour in COLOURS[: len(crowded.MODELS)]:
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(there - wanted).max(1).min() <= 4, colour
