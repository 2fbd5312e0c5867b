"""The picture of a schedule: what is drawn, and that it is written whole."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from recipelab.figures.schedule import plot_schedule

COSINE = 0.05 * (1 + np.cos(np.pi * np.arange(40) / 40))
CONSTANT = np.full(20, 0.1)


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the figure that was saved."""
    kept = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **kw: (kept.append(self.axes[0]), save(self, *args, **kw))
    )
    return kept


def test_lines_hold_the_rates_against_epochs(tmp_path, drawn):
    plot_schedule({"cosine": COSINE, "constant": CONSTANT}, 10, tmp_path / "lr.png", "two schedules")
    (axes,) = drawn
    cosine, constant = axes.lines
    assert np.allclose(cosine.get_xdata(), np.arange(40) / 10)
    assert np.array_equal(cosine.get_ydata(), COSINE)
    assert np.array_equal(constant.get_ydata(), CONSTANT)
    assert cosine.get_color() != constant.get_color()
    assert axes.get_xlim() == (0, 4)
    assert axes.get_ylim()[0] == 0
    assert "epoch (of 10 optimizer steps)" in axes.get_xlabel()
    assert "learning rate" in axes.get_ylabel()
    assert axes.get_title(loc="left") == "two schedules"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cosine", "constant"]


def test_one_line_needs_no_legend(tmp_path, drawn):
    plot_schedule({"cosine": COSINE}, 10, tmp_path / "lr.png", "one")
    assert drawn[0].get_legend() is None


def test_many_lines_are_all_told_apart(tmp_path, drawn):
    plot_schedule({str(index): COSINE * index for index in range(1, 8)}, 10, tmp_path / "lr.png", "many")
    assert len({line.get_color() for line in drawn[0].lines}) == 7


def test_file_is_a_png_and_alone(tmp_path):
    plot_schedule({"cosine": COSINE}, 10, tmp_path / "lr.png", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]
    with Image.open(tmp_path / "lr.png") as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels == (0x00, 0x72, 0xB2)).all(-1).sum() > 500
