"""Transforms of torchvision, plugged in image by image."""

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.per_image import PerImage
from recipelab.core.errors import UserError
from recipelab.core.generators import generator
from recipelab.testing import check_augment


def test_a_draw_is_repeatable_and_the_contract_is_kept():
    slot = PerImage(image_size=(16, 12), transforms=[{"name": "RandomPerspective", "p": 1.0}, {"name": "RandomInvert"}])
    check_augment(slot, image_size=(16, 12), input_channels=3)
    images = random_images(size=(16, 12))
    before = torch.random.get_rng_state()
    made = slot(images, slot.draw(32, generator(0, "augment")))
    assert torch.equal(torch.random.get_rng_state(), before), "the run's own draws are not disturbed"
    assert not torch.equal(made, images)


def test_its_transforms_are_torchvisions():
    slot = PerImage(image_size=(16, 12), transforms=[{"name": "RandomHorizontalFlip", "p": 1.0}])
    images = random_images(size=(16, 12))
    assert torch.equal(slot(images, slot.draw(32, generator(0, "augment"))), images.flip(-1))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"name": "RandomInverts"},
            r"transforms\[0\]\.name='RandomInverts' is not .*\n  did you mean: RandomInvert",
        ),
        ({"name": "functional"}, "is not a transform of torchvision"),
        ({"name": "RandomInvert", "q": 1}, r"augment\.transforms\[0\]: RandomInvert cannot be built so: .*'q'"),
    ],
)
def test_what_is_no_transform_is_refused(entry, message):
    with pytest.raises(UserError, match=message):
        PerImage(image_size=(16, 12), transforms=[entry])


def test_shape_and_type_must_stay():
    slot = PerImage(image_size=(16, 12), transforms=[{"name": "CenterCrop", "size": 4}])
    with pytest.raises(UserError, match=r"CenterCrop makes \(3, 4, 4\) torch.uint8 of \(3, 16, 12\) torch.uint8"):
        slot(random_images(2, (16, 12)), slot.draw(2, generator(0, "augment")))
