"""A policy of one's own: names, options, facts; and what is refused."""

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.baseline import Baseline
from recipelab.augment.erase import cutout
from recipelab.augment.listed import listed
from recipelab.core.errors import UserError
from recipelab.core.generators import generator

FACTS = {"image_size": (16, 16), "input_channels": 3, "mean": (0.5, 0.5, 0.5)}


def test_primitives_in_their_order():
    policy = listed(ops=[{"name": "crop", "padding": 2}, {"name": "cutout", "size": 4}], **FACTS)
    images, rng = random_images(size=(16, 16)), generator(0, "augment")
    draws = policy.draw(32, generator(0, "augment"))
    crop = Baseline(image_size=(16, 16), padding=2, flip=0.0)
    wanted = crop(images, crop.draw(32, rng))
    hole = cutout(size=4, **FACTS)
    assert torch.equal(policy(images, draws), hole(wanted, hole.draw(32, rng)))


def test_one_primitive_twice():
    policy = listed(ops=[{"name": "invert", "p": 1.0}] * 2, **FACTS)
    images = random_images(size=(16, 16))
    assert torch.equal(policy(images, policy.draw(32, generator(0, "augment"))), images)


def test_what_follows_a_change_of_size_is_built_for_it():
    policy = listed(ops=[{"name": "resize_crop", "resize": 12, "crop": 8}, {"name": "rotate"}], **FACTS)
    assert policy.output_size == (8, 8)
    images = random_images(size=(16, 16))
    assert policy(images, policy.draw(32, generator(0, "augment"))).shape == (32, 3, 8, 8)
    assert policy.evaluate(images).shape == (32, 3, 8, 8)
    with pytest.raises(UserError, match="0_resize_crop and 1_resize_crop both change the size"):
        listed(ops=[{"name": "resize_crop", "resize": 12, "crop": 8}] * 2, **FACTS)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"name": "rotat"},
            r"ops\[0\]\.name='rotat' is not a primitive\n  did you mean: rotate\n  primitives: crop",
        ),
        ({"degrees": 3}, r"augment\.ops\[0\]\.name=None is not a primitive"),
        ({"name": "rotate", "degree": 3}, r"augment\.ops\[0\]\.degree is not an option\n  did you mean: .*\.degrees"),
        (
            {"name": "rotate", "degrees": 200},
            r"ops\[0\]\.degrees=200: input should be less than or equal to 180",
        ),
        ({"name": "rotate", "degrees": "9"}, r"augment\.ops\[0\]\.degrees='9': input should be a valid number"),
        ({"name": "rotate", "image_size": [3, 3]}, r"augment\.ops\[0\]\.image_size is not an option"),
        ({"name": "cutout", "p": 1.5}, r"augment\.ops\[0\]\.p=1\.5: input should be less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(entry, message):
    with pytest.raises(UserError, match=message):
        listed(ops=[entry], **FACTS)
