from __future__ import annotations

import pytest

from recipelab.core.batch import Batch, Target
from recipelab.loop.evaluate import evaluate
from recipelab.loop.lockbox import open_lockbox

WEIGHTS = {"last": {"raw": "last raw", "ema": "last ema"}, "best": {"raw": "best raw", "ema": "best ema"}}


def steps(last, best, average=None):
    """The step of each view; the average's best may be another."""
    return {"last": {"raw": last, "ema": last}, "best": {"raw": best, "ema": average or best}}


@pytest.fixture
def measured():
    """What was measured, and a `measure` that gives (weights, split) back and remembers."""
    seen = []

    def measure(model, split, view, step):
        seen.append((model, split))
        return {"of": f"{model} on {split}"}

    return seen, measure


def test_every_view_of_both_checkpoints_on_every_split(measured):
    seen, measure = measured
    found = open_lockbox(WEIGHTS, steps(9, 5), lambda w: w, measure, ["train", "val", "test"])
    assert found["test"]["best"]["ema"] == {"of": "best ema on test"}
    assert {split: {c: set(views) for c, views in found[split].items()} for split in found} == {
        split: {"last": {"raw", "ema"}, "best": {"raw", "ema"}} for split in ("train", "val", "test")
    }
    assert len(seen) == len(set(seen)) == 12


def test_equal_steps_are_measured_once_and_told_twice(measured):
    seen, measure = measured
    found = open_lockbox(WEIGHTS, steps(9, 9), lambda w: w, measure, ["val", "test"])
    assert found["test"]["best"] == found["test"]["last"]
    assert len(seen) == 4


def test_each_view_has_a_best_step_of_its_own(measured):
    seen, measure = measured
    found = open_lockbox(WEIGHTS, steps(9, 9, 5), lambda w: w, measure, ["val"])
    assert found["val"]["best"] == {"raw": {"of": "last raw on val"}, "ema": {"of": "best ema on val"}}
    assert len(seen) == 3


def test_a_split_that_is_not_asked_for_is_not_touched(measured):
    seen, measure = measured
    found = open_lockbox(WEIGHTS, steps(9, 5), lambda w: w, measure, ["train", "val"])
    assert set(found) == {"train", "val"}
    assert {split for _, split in seen} == {"train", "val"}


def test_without_a_best_there_is_the_last(measured):
    _, measure = measured
    found = open_lockbox({"last": WEIGHTS["last"]}, steps(9, 5), lambda w: w, measure, ["val"])
    assert set(found["val"]) == {"last"}


def test_a_stop_on_the_way_gives_nothing():
    answers = iter([{"accuracy": 1.0}] * 5 + [None])
    found = open_lockbox(WEIGHTS, steps(9, 5), lambda w: w, lambda *_: next(answers), ["val", "test"])
    assert found is None


def test_an_evaluation_that_is_stopped_gives_nothing(device):
    import torch

    from recipelab.metrics.classification import ClassificationMetrics

    batch = Batch(torch.zeros(2, 3), Target(torch.tensor([0, 1])))
    counts = ClassificationMetrics(3, "cpu")
    calls = iter([False, False, True])
    assert evaluate(torch.nn.Identity(), [batch] * 5, counts, device, lambda: next(calls)) is None
    assert evaluate(torch.nn.Identity(), [batch], ClassificationMetrics(3, "cpu"), device)["accuracy"] == 0.5
