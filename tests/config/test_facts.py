"""Facts from what is declared and what the source knows."""

from __future__ import annotations

from typing import Any

import pytest

from recipelab.config.facts import gather
from recipelab.config.schema import Data
from recipelab.core.errors import UserError

KNOWN: dict[str, Any] = {
    "task": "classification",
    "num_classes": 3,
    "input_channels": 3,
    "image_size": (8, 6),
    "class_names": ("a", "b", "c"),
}


def test_what_the_source_knows_needs_no_declaration():
    facts = gather(Data(), KNOWN)
    assert (facts.num_classes, facts.input_channels, facts.image_size, facts.input_dim) == (3, 3, (8, 6), 2)
    assert facts.class_names == ("a", "b", "c")
    assert facts.mean is None


def test_what_is_declared_needs_no_source():
    facts = gather(Data(num_classes=7, input_channels=1, image_size=5, mean=[0.5], std=[0.25]), {})
    assert (facts.num_classes, facts.image_size, facts.class_names) == (7, (5, 5), ())
    assert (facts.mean, facts.std) == ((0.5,), (0.25,))


def test_both_may_say_the_same():
    assert gather(Data(num_classes=3, image_size=[8, 6], class_names=["a", "b", "c"]), KNOWN) == gather(Data(), KNOWN)


def test_auto_leaves_the_size_to_the_source():
    assert gather(Data(image_size="auto"), KNOWN).image_size == (8, 6)


def test_names_are_declared_for_a_source_that_has_none():
    facts = gather(Data(class_names=["x", "y", "z"]), KNOWN | {"class_names": ()})
    assert facts.class_names == ("x", "y", "z")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"num_classes": 7}, "data.num_classes=7 contradicts the data, which have 3"),
        ({"image_size": 8}, r"data.image_size=\(8, 8\) contradicts the data, which have \(8, 6\)"),
        ({"input_channels": 1}, "data.input_channels=1 contradicts"),
        ({"class_names": ["a", "b", "d"]}, "data.class_names"),
        ({"mean": [0.5, 0.5]}, "data.mean has 2 values, but the images have 3 channels"),
        ({"std": [0.5]}, "data.std has 1 values"),
    ],
)
def test_a_contradiction_names_the_key_and_both_values(declared: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        gather(Data(**declared), KNOWN)


def test_names_and_number_of_classes_must_agree():
    with pytest.raises(UserError, match="data.class_names has 2 names for 5 classes"):
        gather(Data(num_classes=5, input_channels=1, image_size=4, class_names=["a", "b"]), {})


@pytest.mark.parametrize("key", ["num_classes", "input_channels", "image_size"])
def test_a_fact_that_nobody_knows_is_asked_for(key: str):
    with pytest.raises(UserError, match=f"data.{key} is not known from the data: give data.{key}=VALUE"):
        gather(Data(), {k: v for k, v in KNOWN.items() if k != key})
