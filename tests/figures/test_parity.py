"""A regression's predictions: what is kept of them, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import mean_absolute_error, r2_score

from recipelab.figures.chart import Bars, Line, Points
from recipelab.figures.live import live
from recipelab.figures.parity import BINS, PANELS, POINTS, Predictions, residual_bins
from recipelab.figures.pictures import write


def test_errors_are_of_all_samples_and_points_of_some_from_all_over() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(5000, 2))
    outputs = truth + rng.normal(0, 0.1, truth.shape)
    kept = Predictions.of(truth, outputs, ["width", "height"], "t")
    for column, one in enumerate(kept.targets):
        assert one.mae == pytest.approx(mean_absolute_error(truth[:, column], outputs[:, column]))
        assert one.r2 == pytest.approx(r2_score(truth[:, column], outputs[:, column]))
        assert (one.samples, sum(one.heights), len(one.heights)) == (5000, 5000, BINS)
        assert len(one.truth) == POINTS // 2
        assert one.truth[0] == pytest.approx(truth[0, column], rel=1e-5)
        assert one.truth[-1] == pytest.approx(truth[-1, column], rel=1e-5)
    parity, residuals = kept.charts("parity_val", "residuals_val")
    assert (parity.name, residuals.name) == ("parity_val", "residuals_val")
    assert parity.caption == "1,000 of 5,000 samples"
    assert parity.panels[0].title.startswith(f"width: MAE {kept.targets[0].mae:.4g}, R² 0.99")
    points, right = parity.panels[1].marks
    assert isinstance(points, Points)
    assert isinstance(right, Line)
    assert list(points.y) == kept.targets[1].prediction
    assert list(right.x) == list(right.y)
    assert parity.panels[0].x.limits == parity.panels[0].y.limits
    assert isinstance(residuals.panels[0].marks[0], Bars)


@pytest.mark.parametrize(("count", "targets"), [(1, 1), (3000, 1), (50, 20)])
def test_pictures_of_any_number_of_samples_and_targets(tmp_path: Path, count: int, targets: int):
    truth = np.random.default_rng(0).normal(size=(count, targets)).astype(np.float32)
    charts = Predictions.of(truth, truth + 0.3, [f"t{i}" for i in range(targets)], "title").charts()
    assert len(charts[0].panels) == min(targets, PANELS)
    for chart in charts:
        assert live(chart) is not None
    write(charts[0], tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert ((pixels[..., 2] - pixels[..., 0]) > 20).any()
    edge = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert edge.min() > 250


def test_predictions_that_are_no_numbers_are_counted() -> None:
    truth = np.ones((5, 1), np.float32)
    some = Predictions.of(truth, np.array([[1], [2], [np.inf], [1], [1]], np.float32), [], "t")
    assert some.charts()[0].panels[0].title == "MAE 0.25, 1 not finite"
    none = Predictions.of(truth, np.full((5, 1), np.nan, np.float32), [], "t")
    assert (none.targets[0].lost, none.charts()) == (5, [])


@pytest.mark.parametrize("values", [[0.1, 0.1 + 1e-16], [0.0], [], [1e9, 1e9 + 1e-6], [-1.0, 2.0]])
def test_errors_that_are_almost_the_same_have_a_histogram(values: list[float]) -> None:
    heights, edges = residual_bins(np.array(values))
    assert heights.sum() == len(values)
    assert (np.diff(edges) > 0).all()


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    kept = Predictions.of(np.ones((5, 1)), np.ones((5, 1)), [], "t")
    kept.targets[0].truth.pop()
    with pytest.raises(ValueError, match="as many predictions as truths"):
        kept.charts()
