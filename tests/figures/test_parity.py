from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipelab.figures.parity import parity_plot


def drawn(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(("count", "targets"), [(1, 1), (300, 1), (9000, 1), (200, 3), (50, 20)])
def test_points_are_drawn_and_nothing_is_cut_off(tmp_path: Path, count: int, targets: int):
    truth = np.random.default_rng(0).normal(size=(count, targets)).astype(np.float32)
    parity_plot(truth, truth + 0.3, [f"t{i}" for i in range(targets)], tmp_path / "p.png", "title")
    pixels = drawn(tmp_path / "p.png")
    blue = (pixels[..., 2] - pixels[..., 0]) > 20
    assert blue.any()
    edge = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert edge.min() > 250


def test_what_is_predicted_too_high_lies_above_the_diagonal(tmp_path: Path):
    truth = np.linspace(0, 10, 50, dtype=np.float32)[:, None]
    places = []
    for shift in (-3, 3):
        parity_plot(truth, truth + shift, [], tmp_path / "p.png", "t")
        pixels = drawn(tmp_path / "p.png")
        rows, columns = np.nonzero((pixels[..., 2] - pixels[..., 0]) > 60)
        places.append(rows.mean() + columns.mean())
    assert places[1] < places[0] - 50


def test_predictions_that_are_no_numbers(tmp_path: Path):
    truth = np.ones((5, 1), np.float32)
    for outputs in (np.full((5, 1), np.nan, np.float32), np.array([[1], [2], [np.inf], [1], [1]], np.float32)):
        parity_plot(truth, outputs, [], tmp_path / "p.png", "t")
        assert (tmp_path / "p.png").exists()
