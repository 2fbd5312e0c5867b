"""The chart of a schedule."""

import numpy as np

from recipelab.figures.live import live
from recipelab.figures.pictures import picture
from recipelab.figures.schedule import schedule_chart

COSINE = 0.05 * (1 + np.cos(np.pi * np.arange(40) / 40))
CONSTANT = np.full(20, 0.1)


def test_lines_hold_the_rates_against_epochs():
    chart = schedule_chart({"cosine": COSINE, "constant": CONSTANT}, 10, "two schedules")
    drawn = picture(chart)
    (axes,) = drawn.axes
    cosine, constant = axes.lines
    assert np.allclose(cosine.get_xdata(), np.arange(40) / 10)
    assert np.array_equal(cosine.get_ydata(), COSINE)
    assert np.array_equal(constant.get_ydata(), CONSTANT)
    assert cosine.get_color() != constant.get_color()
    assert axes.get_xlim() == (0, 4)
    assert axes.get_ylim()[0] == 0
    assert axes.get_xlabel() == "epoch (of 10 optimizer steps)"
    assert axes.get_ylabel() == "learning rate (per optimizer step)"
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["cosine", "constant"]
    assert len(live(chart)["data"]) == 2


def test_one_line_needs_no_legend():
    assert picture(schedule_chart({"cosine": COSINE}, 10, "one")).legends == []


def test_a_momentum_has_a_panel_of_its_own():
    chart = schedule_chart({"cycle": COSINE}, 10, "t", momenta=1 - COSINE)
    rates, momenta = chart.panels
    assert rates.x == momenta.x
    assert np.array_equal(momenta.marks[0].y, 1 - COSINE)


def test_a_rate_of_nothing_is_drawn():
    assert picture(schedule_chart({"none": np.zeros(5)}, 1, "t")).axes[0].get_ylim() == (0, 1)
