from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from recipelab.core.errors import did_you_mean, nearest
from recipelab.core.facts import Facts

FACTS = Facts("classification", num_classes=10, input_channels=3, image_size=(32, 24), class_names=("a", "b"))


def test_facts_are_offered_by_parameter_name():
    assert FACTS.injectable() == {
        "task": "classification",
        "num_classes": 10,
        "input_channels": 3,
        "image_size": (32, 24),
        "mean": None,
        "std": None,
        "class_names": ("a", "b"),
        "image_dtype": "uint8",
        "stored_size": None,
        "class_counts": None,
        "cropped": False,
        "input_dim": 2,
    }


@pytest.mark.parametrize("size", [(100,), (8, 8), (4, 5, 6)])
def test_the_dimension_is_that_of_the_size(size):
    assert dataclasses.replace(FACTS, image_size=size).input_dim == len(size)


def test_facts_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACTS.num_classes = 11


def test_the_nearest_name():
    assert nearest("resnet2", ["resnet20", "vit"]) == "resnet20"
    assert nearest("zzz", ["resnet20", "vit"]) is None
    assert did_you_mean("epoch", ["epochs", "steps"], "trainer.") == "\n  did you mean: trainer.epochs"
    assert did_you_mean("zzz", ["epochs"]) == ""


def test_the_facts_of_stored_images_before_augmentation_changes_their_size():
    resized = replace(FACTS, image_size=(16, 16), stored_size=(32, 24))
    assert resized.injectable()["image_size"] == (16, 16)
    assert resized.of_stored() == FACTS
    assert FACTS.of_stored() is FACTS
