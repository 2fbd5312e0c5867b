"""The curve of decays: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest

from recipelab.figures.chart import Axis, Chart, Line, Points, Span
from recipelab.figures.decay_curve import DecayCurve, _refused, decay_chart
from recipelab.figures.live import live
from recipelab.figures.pictures import picture


def curve(values: list[float], **changes: object) -> DecayCurve:
    half_lives = np.geomspace(0.1, 10, len(values))
    return DecayCurve(half_lives, np.array(values), raw=0.8, steps_per_epoch=100, **changes)  # type: ignore[arg-type]


def chart(values: list[float]) -> Chart:
    tracked = {"ema_0.99": (0.69, 0.85), "ema_0.999": (6.9, 0.7)}
    return decay_chart(curve(values, tracked=tracked), "title", Axis("accuracy (%)", percent=True), "too far", "decays")


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


def test_the_curve_what_is_refused_and_what_was_tracked():
    nan = float("nan")
    made = chart([nan, 0.9, nan, 0.8])
    spans = [mark for mark in made.panels[0].marks if isinstance(mark, Span)]
    assert [span.name for span in spans] == ["refused: too far", ""]
    (tracked,) = (mark for mark in made.panels[0].marks if isinstance(mark, Points))
    assert tracked.labels == ["0.99", "0.999"]
    assert tracked.texts[0] == "ema_0.99\n0.69 epochs: 85"
    assert made.panels[0].above is not None
    assert (pytest.approx(0.69, abs=0.01), "0.99") in made.panels[0].above[1]
    drawn = picture(made)
    assert {"0.99", "0.999"} <= {text.get_text() for text in drawn.axes[0].texts}
    assert "refused: too far" in [text.get_text() for text in drawn.legends[0].get_texts()]
    page = live(made)
    assert page is not None
    refused, *_ = page["layout"]["shapes"]
    assert (refused["type"], refused["x0"]) == ("rect", 0.1)
    dots = page["data"][-1]
    assert (dots["mode"], dots["text"]) == ("markers+text", ["0.99", "0.999"])


def test_without_any_average_the_ground_alone_says_so():
    made = chart([float("nan")] * 3)
    assert not any(isinstance(mark, Line) for mark in made.panels[0].marks)
    assert picture(made).axes
    assert live(made) is not None
