"""Operations on grey levels: Pillow's pixels."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from pil_reference import furthest, one_by_one, random_images
from recipelab.augment.tones import autocontrast, equalize, invert, posterize, solarize

BITS = torch.arange(32) % 8 + 1.0
THRESHOLDS = torch.cat([torch.tensor([0.0, 255.0, 256.0, 127.5]), torch.linspace(1, 254, 28)])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 24), (3, 2), (64, 64)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: posterize(x, BITS), lambda image, index: F.posterize(image, int(BITS[index]))),
        (lambda x: solarize(x, THRESHOLDS), lambda image, index: F.solarize(image, float(THRESHOLDS[index]))),
        (invert, lambda image, index: F.invert(image)),
        (autocontrast, lambda image, index: F.autocontrast(image)),
        (equalize, lambda image, index: F.equalize(image)),
    ],
    ids=["posterize", "solarize", "invert", "autocontrast", "equalize"],
)
def test_pixels_are_torchvisions_on_pil_images(ours, theirs, size, channels):
    images = random_images(size=size, channels=channels)
    assert torch.equal(ours(images), one_by_one(images, theirs))


@pytest.mark.parametrize(("ours", "theirs"), [(autocontrast, F.autocontrast), (equalize, F.equalize)])
def test_torchvision_on_tensors(ours, theirs):
    images = random_images()
    wanted = torch.stack([theirs(image.contiguous()) for image in images])
    assert furthest(ours(images), wanted) <= (ours is autocontrast)


@pytest.mark.parametrize(("size", "channels"), [((9,), 2), ((4, 5, 6), 3), ((6, 7), 5)])
def test_channels_and_places_are_worked_on_alone(size, channels):
    """What an operation makes of a channel does not depend on how its pixels are laid out, nor on the others."""
    images = random_images(size=size, channels=channels)
    for operation in (autocontrast, equalize, invert):
        for index in range(channels):
            alone = images[:, index].reshape(32, 1, -1, 1)
            assert torch.equal(operation(images)[:, index].reshape(32, 1, -1, 1), operation(alone))


def test_a_constant_image_stays():
    images = torch.full((2, 3, 4, 5), 77, dtype=torch.uint8)
    assert torch.equal(autocontrast(images), images)
    assert torch.equal(equalize(images), images)


def test_full_strength_and_none():
    images = random_images()
    assert torch.equal(posterize(images, torch.full((32,), 8.0)), images)
    assert torch.equal(solarize(images, torch.full((32,), 256.0)), images)
    assert torch.equal(solarize(images, torch.zeros(32)), invert(images))
    assert not posterize(images, torch.zeros(32)).any()
    assert torch.equal(invert(invert(images)), images)
