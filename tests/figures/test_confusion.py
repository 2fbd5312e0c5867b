"""Confusion matrices: what is drawn, what is kept, and pictures of any number of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipelab.figures.chart import Heat
from recipelab.figures.confusion import Confusions, confusion_charts
from recipelab.figures.live import live
from recipelab.figures.pictures import picture, write


def heats(counts: np.ndarray, names: list[str]) -> list[Heat]:
    charts = confusion_charts(counts, names, "title", "n")
    found = [chart.panels[0].marks[0] for chart in charts]
    assert all(isinstance(heat, Heat) for heat in found)
    return found  # type: ignore[return-value]


def test_samples_and_shares_of_each_row() -> None:
    raw, shares = heats(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 498]]), ["a", "b", "c"])
    assert np.nansum(raw.values) == 504
    assert shares.values[0] == pytest.approx([75, 25, 0])
    assert np.isnan(shares.values[1]).all(), "a class without samples has no shares"
    assert raw.texts is not None
    assert shares.texts is not None
    assert raw.texts[0] == ["3", "1", ""]
    assert shares.texts[2] == ["0.4", "", "100"]


def test_names_up_to_130_classes_and_numbers_without_names() -> None:
    named, unnamed, many = (
        confusion_charts(np.eye(k, dtype=np.int64), names, "t", "")[0].panels[0].y.categories
        for k, names in ((2, ["a", "b"]), (3, []), (200, []))
    )
    assert (named, unnamed, many) == (["a", "b"], ["0", "1", "2"], None)


@pytest.mark.parametrize("classes", [2, 300])
def test_legible_and_of_sane_size_whatever_the_number_of_classes(tmp_path: Path, classes: int):
    counts = np.diag(np.full(classes, 50)) + np.random.default_rng(0).integers(0, 2, (classes, classes))
    write(confusion_charts(counts, [], "title", "n")[0], tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape[0] >= min(classes * 14, 1600)
    assert max(pixels.shape) <= 2000
    edge = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert edge.min() > 250, "something is cut off"


def test_few_mistakes_are_seen_beside_many_hits() -> None:
    """The same in both renderers: a cell of 1 beside 1,000 is far from white, and one of none has no colour."""
    for chart in confusion_charts(np.array([[1000, 10], [0, 1000]]), ["a", "b"], "t", "n"):
        (image,) = picture(chart).axes[0].images
        colours = image.cmap(image.norm(image.get_array()))
        assert colours[0, 1][0] < 0.88
        assert np.ma.getmaskarray(image.get_array())[1, 0]
        made = live(chart)
        assert made is not None
        (heat,) = made["data"]
        place = (heat["z"][0][1] - heat["zmin"]) / (heat["zmax"] - heat["zmin"])
        stops = np.array([[at, int(colour[1:3], 16) / 255] for at, colour in heat["colorscale"]])
        assert np.interp(place, *stops.T) == pytest.approx(colours[0, 1][0], abs=0.03)
        assert heat["z"][1][0] is None


def test_two_classes_of_one_name_stay_two_cells() -> None:
    made = live(confusion_charts(np.eye(3, dtype=np.int64), ["a", "a", "b"], "t", "n")[0])
    assert made is not None
    assert len(set(made["data"][0]["x"])) == 3
    assert [name.strip("\u200b") for name in made["data"][0]["x"]] == ["a", "a", "b"]


def test_what_is_kept_gives_the_matrix_again() -> None:
    matrix = np.array([[3, 0], [1, 2]])
    kept = Confusions.of(matrix, ["a", "b"], "t")
    assert kept.counts == [(0, 0, 3), (1, 0, 1), (1, 1, 2)]
    assert np.array_equal(kept.matrix(), matrix)
    assert [chart.name for chart in kept.charts("confusion_val")] == ["confusion_val", "confusion_val_normalized"]


@pytest.mark.parametrize("cell", [(2, 0, 1), (0, -1, 1), (0, 0, -1), (0, 0, 2**60)])
def test_a_cell_that_there_is_none_of_is_refused(cell: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no cell"):
        Confusions("t", 2, [], [cell]).matrix()
    with pytest.raises(ValueError, match="1 names of 2 classes"):
        Confusions("t", 2, ["a"], []).matrix()


def test_nothing_predicted_at_all(tmp_path: Path):
    for chart in confusion_charts(np.zeros((3, 3), int), [], "t", ""):
        write(chart, tmp_path / "c.png")
        assert live(chart) is not None
