"""Values of single samples: formulas against plain loops, places in the split, several views."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recipelab.metrics.per_sample import QUANTITIES, PerSample, absolute_error, correct, margin
from recipelab.records.ledger import FIELDS


def drawn(count=31, classes=5, seed=0):
    source = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=source)
    return logits, torch.randint(classes, (count,), generator=source)


def test_what_is_measured_is_what_is_stored():
    assert {kind: list(kept) for kind, kept in QUANTITIES.items()} == {k: list(v) for k, v in FIELDS.items()}


def test_formulas_equal_plain_loops():
    logits, labels = drawn()
    for row, label, right, gap in zip(
        logits.tolist(), labels.tolist(), correct(logits, labels), margin(logits, labels), strict=True
    ):
        others = [value for index, value in enumerate(row) if index != label]
        assert bool(right) == (row[label] > max(others))
        assert float(gap) == pytest.approx(row[label] - max(others), rel=1e-6)
    outputs, targets = torch.randn(7, 3), torch.randn(7, 3)
    for index, error in enumerate(absolute_error(outputs, targets).tolist()):
        assert error == pytest.approx(
            sum(abs(a - b) for a, b in zip(outputs[index].tolist(), targets[index].tolist(), strict=True)) / 3
        )


def test_of_equal_logits_the_first_wins_as_in_accuracy():
    logits = torch.zeros(2, 3)
    assert correct(logits, torch.tensor([0, 1])).tolist() == [True, False]
    assert margin(logits, torch.tensor([0, 1])).tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["correct", "margin"])
def test_batches_fill_their_places_of_their_view(kind):
    logits, labels = drawn()
    values = PerSample(kind, ["raw", "ema"], len(labels), "cpu")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    for part in order.split(7):  # as a streamed split gives them: rows by number
        values.of("ema")(logits[part], labels[part], part)
        found = values.read()
        assert list(found) == ["ema"]
    keep = values.of("raw")
    for begin in range(0, len(labels), 10):  # in memory: slices
        part = slice(begin, begin + 10)
        keep(logits[part], labels[part], part)
    found = values.read()
    assert list(found) == ["raw"]
    assert np.array_equal(found["raw"]["correct"], (logits.argmax(1) == labels).numpy())
    if kind == "margin":
        assert np.array_equal(found["raw"]["margin"], margin(logits, labels).half().numpy())
        assert found["raw"]["margin"].dtype == np.float16


def test_an_evaluation_begins_with_nothing():
    """What an evaluation before has left, and samples that were left out, are not correct."""
    logits, labels = drawn()
    values = PerSample("correct", ["raw"], len(labels), "cpu")
    values.of("raw")(logits, logits.argmax(1), slice(0, len(labels)))
    assert values.read()["raw"]["correct"].all()
    values.of("raw")(logits[:3], logits[:3].argmax(1), slice(0, 3))
    assert values.read()["raw"]["correct"].sum() == 3
    assert values.read() == {}


def test_margins_beyond_the_half_float_are_cut_and_nan_stays():
    values = PerSample("margin", ["raw"], 3, "cpu")
    logits = torch.tensor([[1e6, 0.0], [-1e6, 0.0], [float("nan"), 0.0]])
    values.of("raw")(logits, torch.tensor([0, 0, 0]), slice(0, 3))
    found = values.read()["raw"]["margin"]
    assert found[:2].tolist() == [65504, -65504]
    assert np.isnan(found[2])


def test_the_ranks_shares_are_added_up():
    logits, labels = drawn()
    halves = [PerSample("margin", ["raw"], len(labels), "cpu") for _ in range(2)]
    cuts = (slice(0, 16), slice(16, len(labels)))
    for half, part in zip(halves, cuts, strict=True):
        half.of("raw")(logits[part], labels[part], part)
    other = {name: value.clone() for name, value in halves[1]._values.items()}
    halves[0].add_up = lambda rows: rows + next(v for v in other.values() if v.dtype == rows.dtype)
    found = halves[0].read()["raw"]
    assert np.array_equal(found["correct"], (logits.argmax(1) == labels).numpy())
    assert np.array_equal(found["margin"], margin(logits, labels).half().numpy())
