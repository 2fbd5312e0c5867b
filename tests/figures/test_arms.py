"""The dot plot of a study's arms."""

from recipelab.figures.arms import ArmRow, arms_chart, limits_of
from recipelab.figures.chart import Axis, Points, Rule
from recipelab.figures.pictures import write

ROWS = [ArmRow("control", [0.91, 0.92, 0.915], 0.902, 0.928), ArmRow("$\\frac{1}{0", [0.90], None, None, 1)]


def test_every_run_is_a_dot_in_its_arms_row_and_the_mean_has_its_interval():
    chart = arms_chart(ROWS, Axis("accuracy (%)", percent=True), title="$unclosed", baseline=0.915)
    rule, *marks = chart.panels[0].marks
    assert isinstance(rule, Rule)
    assert rule.at == 0.915
    ticks = [one for one in marks if isinstance(one, Points) and one.shape == "tick"]
    dots = [one for one in marks if one not in ticks]
    assert [list(one.x) for one in dots if isinstance(one, Points)] == [row.values for row in ROWS]
    assert [set(one.y) for one in dots] == [{0.0}, {1.0}]
    assert [(one.low, one.high) for one in ticks] == [([0.902], [0.928])]  # one run is its own mean
    assert chart.panels[0].y.categories == ["control", "$\\frac{1}{0"]


def test_any_name_is_drawn_as_it_is(tmp_path):
    for count in (2, 12):
        chart = arms_chart((ROWS * 6)[:count], Axis("accuracy (%)", percent=True), title="$unclosed", baseline=None)
        write(chart, tmp_path / f"{count}.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["12.png", "2.png"]


def test_an_endless_interval_leaves_the_runs_to_be_seen():
    low, high = limits_of([ArmRow("a", [0.90, 0.92], -5.0, 7.0)])
    assert low < 0.90 < 0.92 < high
    assert high - low < 0.06
