"""The curve of decays: what is drawn where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from recipelab.figures.decay_curve import DecayCurve, _refused, plot_decay_curve


def curve(values: list[float], **changes: object) -> DecayCurve:
    half_lives = np.geomspace(0.1, 10, len(values))
    return DecayCurve(half_lives, np.array(values), raw=0.8, steps_per_epoch=100, **changes)  # type: ignore[arg-type]


def test_the_refused_stretches_reach_halfway_to_their_neighbours():
    nan = float("nan")
    found = curve([nan, nan, 0.8, nan, 0.9])
    x = found.half_lives
    assert _refused(found) == [
        pytest.approx((x[0], np.sqrt(x[1] * x[2]))),
        pytest.approx((np.sqrt(x[2] * x[3]), np.sqrt(x[3] * x[4]))),
    ]
    assert _refused(curve([0.8, 0.9])) == []
    assert _refused(curve([nan, nan])) == [pytest.approx((0.1, 10.0))]


@pytest.mark.parametrize("values", [[0.8, 0.9, 0.85], [float("nan"), 0.9, 0.85], [float("nan")] * 3])
def test_it_writes_a_picture_for_whatever_there_is(tmp_path: Path, values: list[float]) -> None:
    path = tmp_path / "curve.png"
    plot_decay_curve(curve(values, tracked={"ema_0.99": (0.69, 0.85)}), path, "title", "accuracy", "residual above 0.1")
    assert imread(path).shape[:2] == (576, 960)
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]
