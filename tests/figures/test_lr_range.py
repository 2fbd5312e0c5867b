"""The chart of a learning-rate range test."""

import numpy as np

from recipelab.figures.live import live
from recipelab.figures.lr_range import lr_range_chart
from recipelab.figures.pictures import picture


def test_both_losses_stand_against_a_logarithmic_rate_with_the_suggestion_marked():
    rates = np.geomspace(1e-6, 10, 100)
    losses = np.concatenate([np.linspace(2.3, 1.0, 90), np.linspace(1.0, 500, 10)])
    chart = lr_range_chart(rates, losses, losses, 0.03, "t")
    axes = picture(chart).axes[0]
    assert axes.get_xscale() == "log"
    assert np.array_equal(axes.lines[1].get_ydata(), losses)
    assert axes.lines[2].get_xdata()[0] == 0.03
    assert axes.get_ylim()[1] < 3  # a loss that breaks leaves the rest to be seen
    made = live(chart)
    assert made["layout"]["xaxis"]["type"] == "log"
    assert made["layout"]["shapes"][0]["x0"] == 0.03
