from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipelab.figures.confusion import confusion_matrix

LIGHT = 235


def drawn(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_legible_whatever_the_number_of_classes(tmp_path: Path, classes: int):
    counts = np.diag(np.full(classes, 50)) + np.random.default_rng(0).integers(0, 2, (classes, classes))
    names = [f"class number {index}" for index in range(classes)]
    for normalized in (False, True):
        confusion_matrix(counts, names, tmp_path / "c.png", "title", normalized=normalized)
        pixels = drawn(tmp_path / "c.png")
        assert pixels.shape[0] >= classes * 14  # a name needs so many pixels
        assert max(pixels.shape) <= 3000
        edge = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
        assert edge.min() > 250, "something is cut off"


def test_the_diagonal_is_dark_and_an_empty_row_is_blank(tmp_path: Path):
    counts = np.diag([50, 50, 0, 50, 50])
    for normalized in (False, True):
        confusion_matrix(counts, [], tmp_path / "c.png", "t", normalized=normalized)
        pixels = drawn(tmp_path / "c.png")
        dark = pixels < 80
        inside = dark[:, : dark.shape[1] - 230]  # left of the bar of colours
        rows = np.flatnonzero(inside.sum(1) > 30)  # frame and letters are thinner
        assert len(np.flatnonzero(np.diff(rows) > 20)) >= 1, "the empty row is not blank"


def test_names_are_no_formulas(tmp_path: Path):
    confusion_matrix(np.eye(2, dtype=int), [r"$\frac", "b$"], tmp_path / "c.png", "t")
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_nothing_predicted_at_all(tmp_path: Path):
    confusion_matrix(np.zeros((3, 3), int), [], tmp_path / "c.png", "t")
    confusion_matrix(np.zeros((3, 3), int), [], tmp_path / "c.png", "t", normalized=True)
    assert (tmp_path / "c.png").exists()
