"""The dot plot of a study's arms."""

from PIL import Image

from recipelab.figures.arms import ArmRow, plot_arms


def test_it_has_a_row_an_arm_and_any_name_is_drawn_as_it_is(tmp_path):
    rows = [ArmRow("control", [91.0, 92.0, 91.5], 90.2, 92.8), ArmRow("$\\frac{1}{0", [90.0], None, None, 1)]
    for count in (2, 12):
        path = tmp_path / f"{count}.png"
        plot_arms((rows * 6)[:count], path, axis="test accuracy (%)", title="$unclosed", baseline=91.5)
    with Image.open(tmp_path / "2.png") as small, Image.open(tmp_path / "12.png") as large:
        assert small.size[0] == large.size[0]
        assert large.size[1] - small.size[1] > 300
