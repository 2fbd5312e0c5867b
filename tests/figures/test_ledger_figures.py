"""The pictures of a ledger: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from recipelab.figures.agreement import plot_agreement
from recipelab.figures.barcodes import plot_barcodes
from recipelab.figures.distances import plot_distances
from recipelab.figures.shares import plot_shares
from recipelab.figures.stability import Course, plot_stability
from recipelab.figures.tiles import plot_tiles

EPOCHS = np.arange(1.0, 7.0)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    kept = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kw: (kept.append(self), save(self, *args, **kw)))
    return kept


def test_stability_is_solid_and_accuracy_dashed_in_one_colour_a_view(tmp_path, drawn):
    views = {
        name: Course(EPOCHS, np.array([np.nan, *np.linspace(0.5, low, 5)]), np.linspace(0.2, low, 6))
        for name, low in (("raw", 0.8), ("ema_0.9", 0.9))
    }
    plot_stability(views, tmp_path / "a.png", "two views")
    lines = drawn[0].axes[0].lines
    assert [line.get_linestyle() for line in lines] == ["-", "--", "-", "--"]
    for index, course in enumerate(views.values()):
        solid, dashed = lines[2 * index], lines[2 * index + 1]
        assert np.array_equal(solid.get_ydata(), course.stability, equal_nan=True)
        assert np.array_equal(dashed.get_ydata(), course.accuracy)
        assert solid.get_color() == dashed.get_color()
    assert lines[0].get_color() != lines[2].get_color()
    words = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert words == ["raw", "ema_0.9", "same as at the evaluation before", "correct (accuracy)"]


@pytest.mark.parametrize("steps", [4, 90])
def test_every_sample_is_in_one_bar(tmp_path, drawn, steps):
    shares = np.random.default_rng(0).integers(0, steps + 1, 500) / steps
    shares[:3] = (0, 1, 0)
    plot_shares({"raw": shares}, steps, tmp_path / "a.png", "title", "share")
    patch = drawn[0].axes[0].patches[0]
    counts, edges = patch.get_data().values, patch.get_data().edges
    assert counts.sum() == 500
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        assert count == ((shares >= low) & (shares < high)).sum()
    assert np.allclose(np.diff(edges), edges[1] - edges[0])
    if steps == 4:
        assert counts.tolist() == [(shares == k / 4).sum() for k in range(5)]


def test_strips_hold_each_samples_correctness(tmp_path, drawn):
    correct = {name: np.random.default_rng(i).random((6, 3)) < 0.5 for i, name in enumerate(("raw", "ema_0.9"))}
    plot_barcodes(correct, EPOCHS, ["#1", "#2", "#3"], tmp_path / "a.png", "title")
    strips = [np.ravel(mesh.get_array()) for mesh in drawn[0].axes[0].collections]
    expected = [correct[view][:, sample] for sample in range(3) for view in correct]
    assert len(strips) == 6
    for strip, column in zip(strips, expected, strict=True):
        assert np.array_equal(strip.astype(bool), column)
    assert drawn[0].axes[0].get_xlim() == (0.5, 6.5)


def test_distances_and_agreement(tmp_path, drawn):
    plot_distances({"ema": (EPOCHS, EPOCHS / 10)}, tmp_path / "a.png", "title")
    assert np.array_equal(drawn[0].axes[0].lines[0].get_ydata(), EPOCHS / 10)
    plot_agreement(np.array([[1, 0.875], [0.875, 1]]), ["a", "b"], tmp_path / "b.png", "title")
    assert [text.get_text() for text in drawn[1].axes[0].texts] == ["100", "87.5", "87.5", "100"]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_shown_pixel_for_pixel(tmp_path, drawn, channels):
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 6, channels), dtype=np.uint8)
    plot_tiles(images, [f"#{i}\ncat" for i in range(7)], tmp_path / "a.png", "title")
    shown = [axes.images[0].get_array() for axes in drawn[0].axes]
    for tile, image in zip(shown, images, strict=True):
        assert np.array_equal(tile, image if channels == 3 else image[..., 0])
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_view_has_one_colour_in_every_picture(tmp_path, drawn):
    plot_distances({"ema": (EPOCHS, EPOCHS)}, tmp_path / "a.png", "title")
    plot_distances({"raw": (EPOCHS, EPOCHS), "ema": (EPOCHS, EPOCHS)}, tmp_path / "b.png", "title")
    colours = [[line.get_color() for line in figure.axes[0].lines] for figure in drawn]
    assert colours[0][0] == colours[1][1] != colours[1][0]
