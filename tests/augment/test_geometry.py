"""Random geometric primitives: the ranges of their draws, and what they move."""

import math

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.geometry import random_affine, rotate, scale, shear, translate
from recipelab.core.errors import UserError

FACTS = {"image_size": (32, 24), "input_channels": 3}


def matrix(slot, count=4000):
    bits = 32 if slot.name == "scale" else 16
    return slot.draw(count, torch.Generator().manual_seed(0))["matrix"].double() / 2.0**bits


def test_translation_covers_its_range_evenly():
    found = matrix(translate(share=0.125, **FACTS))
    assert torch.equal(found[:, :, :2], torch.eye(2).double().expand(4000, -1, -1))
    shift = (found[:, :, 2] - 0.5).long()
    for axis, reach in ((0, 4), (1, 3)):
        counts = torch.bincount(shift[:, axis] + reach, minlength=2 * reach + 1)
        assert len(counts) == 2 * reach + 1
        expected = 4000 / len(counts)
        assert (counts - expected).abs().max() < 5 * expected**0.5


def test_rotation_and_shear_stay_within_their_degrees():
    found = matrix(rotate(degrees=20, **FACTS))
    angle = torch.atan2(found[:, 0, 1], found[:, 0, 0]).rad2deg()
    assert 19.8 < float(angle.max()) < 20.01
    assert -20.01 < float(angle.min()) < -19.8
    slant = matrix(shear(degrees=10, **FACTS))
    assert float(slant[:, 1, 0].abs().max()) < math.tan(math.radians(10)) * 1.04
    assert float(slant[:, 1, 0].abs().max()) > 0.15


@pytest.mark.parametrize("size", [(9,), (8, 6), (4, 5, 6)])
def test_scale_and_translation_in_any_dimensions(size):
    images = random_images(16, size, 2)
    for make in (scale, translate):
        slot = make(
            image_size=size, input_channels=2, **({"share": 0.5} if make is translate else {"factors": (0.5, 2.0)})
        )
        made = slot(images, slot.draw(16, torch.Generator().manual_seed(0)))
        assert made.shape == images.shape
        assert not torch.equal(made, images)
    still = scale(image_size=size, input_channels=2, factors=(1.0, 1.0))
    assert torch.equal(still(images, still.draw(16, torch.Generator())), images)


def test_scale_is_a_magnification():
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    image[:, :, 3:5, 3:5] = 9
    slot = scale(image_size=(8, 8), input_channels=1, factors=(2.0, 2.0))
    made = slot(image, slot.draw(1, torch.Generator()))
    assert made[0, 0].bool().sum() == 16
    assert bool(made[0, 0, 2:6, 2:6].all())


def test_all_of_them_as_one():
    found = matrix(random_affine(degrees=0.0, translate=0.0, factors=(0.5, 0.5), shear=0.0, **FACTS))
    assert torch.allclose(found[:, :, :2], 2 * torch.eye(2).double(), atol=1e-4)
    with pytest.raises(UserError, match="an affine map takes images of 2 dimensions"):
        rotate(image_size=(8,), input_channels=1)
