"""The pictures of a ledger: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from recipelab.figures.agreement import agreement_chart
from recipelab.figures.barcodes import barcodes_chart
from recipelab.figures.chart import Line
from recipelab.figures.distances import distances_chart
from recipelab.figures.shares import shares_chart
from recipelab.figures.stability import Course, stability_chart
from recipelab.figures.tiles import tiles_figure

EPOCHS = np.arange(1.0, 7.0)


def test_stability_is_solid_and_accuracy_dashed_in_one_colour_a_view():
    views = {
        name: Course(EPOCHS, np.array([np.nan, *np.linspace(0.5, low, 5)]), np.linspace(0.2, low, 6))
        for name, low in (("raw", 0.8), ("ema_0.9", 0.9))
    }
    marks = stability_chart(views, "two views").panels[0].marks
    assert [mark.dash for mark in marks] == ["solid", "dashed", "solid", "dashed"]
    assert [mark.colour for mark in marks] == [0, 0, 1, 1]
    for index, course in enumerate(views.values()):
        assert marks[2 * index].y is course.stability
        assert marks[2 * index + 1].y is course.accuracy


@pytest.mark.parametrize("steps", [4, 90])
def test_every_sample_is_in_one_bar(steps):
    shares = np.random.default_rng(0).integers(0, steps + 1, 500) / steps
    shares[:3] = (0, 1, 0)
    (bars,) = shares_chart({"raw": shares}, steps, title="title", what="share", name="mismatch").panels[0].marks
    counts, edges = bars.heights, bars.edges
    assert counts.sum() == 500
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        assert count == ((shares >= low) & (shares < high)).sum()
    assert np.allclose(np.diff(edges), edges[1] - edges[0])
    if steps == 4:
        assert counts.tolist() == [(shares == k / 4).sum() for k in range(5)]


def test_more_than_two_histograms_are_outlines():
    shares = {name: np.array([0.0, 0.0, 0.5, 1.0]) for name in ("raw", "ema_0.9", "ema_0.99")}
    lines = shares_chart(shares, 2, title="title", what="share", name="mismatch").panels[0].marks
    assert [type(line) for line in lines] == [Line] * 3
    assert [list(line.y) for line in lines] == [[2, 1, 1, 1]] * 3
    assert all(line.step for line in lines)


def test_strips_hold_each_samples_correctness_and_air_between_samples():
    correct = {name: np.random.default_rng(i).random((6, 3)) < 0.5 for i, name in enumerate(("raw", "ema_0.9"))}
    panel = barcodes_chart(correct, EPOCHS, ["#1", "#2", "#3"], "title").panels[0]
    (heat,) = panel.marks
    assert heat.states == ("wrong", "right")
    assert np.isnan(heat.values[2::3]).all()
    strips = [row for row in heat.values if not np.isnan(row).any()]
    expected = [correct[view][:, sample] for sample in range(3) for view in correct]
    assert np.array_equal(np.stack(strips).astype(bool), np.stack(expected))
    assert list(panel.x.categories) == ["1", "2", "3", "4", "5", "6"]
    assert list(panel.y.categories)[:3] == ["#1  raw", "ema_0.9", ""]


def test_distances_and_agreement():
    (line,) = distances_chart({"ema": (EPOCHS, EPOCHS / 10)}, "title").panels[0].marks
    assert np.array_equal(line.y, EPOCHS / 10)
    (heat,) = agreement_chart(np.array([[1, 0.875], [0.875, 1]]), ["a", "b"], "title").panels[0].marks
    assert heat.texts == [["100", "87.5"], ["87.5", "100"]]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_images_are_shown_pixel_for_pixel(channels):
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 6, channels), dtype=np.uint8)
    tiles = tiles_figure(images, [f"#{i}\ncat" for i in range(7)], "title").tiles
    expected = images if channels != 2 else images.mean(-1, keepdims=True).round()
    assert np.array_equal(np.stack([tile.image for tile in tiles]), expected)


def test_a_view_has_one_colour_in_every_picture():
    alone = distances_chart({"ema": (EPOCHS, EPOCHS)}, "title").panels[0].marks
    both = distances_chart({"raw": (EPOCHS, EPOCHS), "ema": (EPOCHS, EPOCHS)}, "title").panels[0].marks
    assert alone[0].colour == both[1].colour != both[0].colour
