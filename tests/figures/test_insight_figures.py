"""Figures of single samples: what they say is what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from recipelab.figures.chart import Points
from recipelab.figures.class_accuracy import SHOWN, class_accuracy
from recipelab.figures.heatmap import overlay
from recipelab.figures.parity import PANELS, parity_chart, residual_histogram
from recipelab.figures.reliability import Curve, reliability_diagram


def test_a_reliability_diagram_leaves_empty_bins_out() -> None:
    counts = np.array([0.0, 4, 10])
    curve = Curve("raw", counts, np.array([0.0, 1, 9]), np.array([0.0, 2, 9]), np.zeros(3), np.ones(3))
    chart = reliability_diagram([curve, curve], "title", "n = 14")
    (points, _) = [mark for mark in chart.panels[0].marks if isinstance(mark, Points)]
    assert np.asarray(points.x) == pytest.approx([0.5, 0.9])
    assert np.asarray(points.y) == pytest.approx([0.25, 0.9])
    assert points.texts == ["n = 4", "n = 10"]
    assert len(chart.panels[1].marks) == 2


def test_classes_come_with_the_lowest_first_and_those_left_out_are_counted() -> None:
    counts = np.array([10, 0, 10, 4])
    hits = np.array([9, 0, 2, 2])
    chart = class_accuracy(["a", "b", "c", "d"], hits, counts, (np.zeros(4), np.ones(4)), "title", "n = 24")
    assert chart.panels[0].y.categories == ["c", "d", "a"]
    assert chart.panels[0].y.reverse, "the first at the top"
    assert chart.caption == "n = 24; 1 classes without samples left out"
    rows = np.full(50, 10)
    chart = class_accuracy(list(map(str, range(50))), np.arange(50) % 10, rows, (rows, rows), "title", "n")
    assert len(chart.panels[0].y.categories or ()) == SHOWN
    assert chart.caption == f"n; the lowest {SHOWN} of 50 classes"


def test_a_map_is_laid_over_an_enlarged_image() -> None:
    image = np.zeros((8, 6, 1), np.uint8)
    heat = np.zeros((2, 2), np.float32)
    heat[0, 0] = 1
    found = overlay(image, heat)
    assert found.shape == (112, 84, 3)
    assert int(found[5, 5].sum()) > int(found[-5, -5].sum()), "lightest where the map is highest"
    assert np.array_equal(overlay(image + 100, heat, 0.0), np.full((112, 84, 3), 100))


def test_a_regression_has_a_panel_a_target_and_says_what_is_left_out() -> None:
    truth = np.arange(40.0).reshape(20, 2)
    chart = parity_chart(list(truth), list(truth + 1), [f"t{i}" for i in range(20)], "title", "n = 2")
    assert len(chart.panels) == PANELS
    assert chart.caption == f"n = 2; the first {PANELS} of 20 targets"
    histogram = residual_histogram([np.arange(4.0)], [np.array([1, 2, 3])], ["t"], "title", "n = 6")
    assert (len(histogram.panels), histogram.caption) == (1, "n = 6")
