"""Charts for a page: plotly takes every key, JSON every value, and no name is ever markup."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

import charts
from recipelab.figures.chart import Axis, Chart, Heat, Panel, Tiles
from recipelab.figures.live import live

LIVE = [figure for figure in charts.everything() if not isinstance(figure, Tiles)]


@pytest.mark.parametrize("figure", LIVE, ids=lambda figure: figure.name)
def test_plotly_knows_every_key_and_json_every_value(figure):
    made = live(figure)
    assert made is not None
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    go.Figure(made)  # raises ValueError for a key or value that plotly does not know


@pytest.mark.parametrize("figure", LIVE, ids=lambda figure: figure.name)
def test_no_name_is_markup_or_a_formula(figure):
    text = json.dumps(live(figure), ensure_ascii=False)
    assert "<b onclick" not in text
    assert "</script" not in text
    assert "$" not in text


def test_images_are_left_to_pictures():
    assert live(next(figure for figure in charts.everything() if isinstance(figure, Tiles))) is None


def test_a_line_has_its_values_in_percent_with_gaps_and_its_band():
    band, line = live(charts.lines())["data"][:2]
    assert line["y"] == [10, None, 30, 40, None]
    assert band["fill"] == "toself"
    assert band["x"] == [1, 1, None, 3, 4, 4, 3]
    assert band["y"] == [5, 15, None, 25, 35, 45, 35]


def test_a_dot_leads_to_its_run_and_says_what_it_is():
    _, dot, tick, *_ = live(charts.dots())["data"]
    assert dot["customdata"] == ["a/b", "c"]
    assert dot["hovertext"][1] == "two<br>lines"
    assert np.allclose(tick["error_x"]["array"] + tick["error_x"]["arrayminus"], [20, 10])


def test_every_name_stands_once_in_the_legend_and_switches_all_of_its_marks():
    made = live(charts.lines())
    told = [one["name"] for one in (*made["data"], *made["layout"]["shapes"]) if one["showlegend"]]
    assert len(told) == len(set(told)) == 10
    twice = [one for one in made["data"] if one.get("name") == "line 1"]
    assert len(twice) == 2
    assert {one["legendgroup"] for one in twice} == {"line 1"}


def test_fewer_columns_for_a_narrow_page_make_it_higher():
    wide, narrow = live(charts.lines()), live(charts.lines(), 320)
    assert narrow["layout"]["height"] > wide["layout"]["height"]
    assert narrow["layout"]["xaxis2"]["domain"] == [0, 1]
    assert narrow["data"] == wide["data"]


def test_a_cells_long_name_is_short_beside_it_and_whole_where_it_is_pointed_at():
    names = ["a class whose name is long, the first", "a class whose name is long, the second", "b"]
    axis = Axis("class", categories=names)
    made = live(Chart("c", "t", [Panel(axis, axis, [Heat(np.eye(3), label="n")])]))
    assert made["layout"]["xaxis"]["ticktext"] == ["a class wh…the first", "a class wh…he second", "b"]
    assert made["layout"]["xaxis"]["tickvals"] == made["data"][0]["x"] == names
    assert made["data"][0]["hovertemplate"] == "class %{y}<br>class %{x}<br>n: %{z}<extra></extra>"
    assert made["layout"]["yaxis"]["range"] == [2.5, -0.5]  # the first row on top
