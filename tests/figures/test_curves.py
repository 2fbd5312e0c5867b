"""Lines over seeds."""

import numpy as np

from recipelab.figures.chart import Axis
from recipelab.figures.curves import Series, curves_panel, over_seeds


def test_the_mean_and_the_band_are_over_the_seeds_that_are_there():
    x, mean, low, high = over_seeds([([1, 2, 3], [1.0, 2.0, 3.0]), ([1, 3, 4], [3.0, np.nan, 8.0])])
    assert x.tolist() == [1, 2, 3, 4]
    assert mean.tolist() == [2, 2, 3, 8]
    assert low.tolist() == [1, 2, 3, 8]
    assert high.tolist() == [3, 2, 3, 8]


def test_one_seed_has_no_band_and_a_quantity_that_nobody_measured_no_line():
    series = [Series("one", [([1, 2], [1.0, 2.0])]), Series("none", [([1], [np.nan])]), Series("empty", [])]
    (line,) = curves_panel(series, Axis("x"), Axis("y")).marks
    assert line.name == "one"
    assert line.low is None
