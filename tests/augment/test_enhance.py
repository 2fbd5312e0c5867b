"""Brightness, contrast, colour, sharpness: Pillow's pixels, and the identity at factor 1."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from pil_reference import one_by_one, random_images
from recipelab.augment.enhance import brightness, color, contrast, grey_levels, random_brightness, sharpness
from recipelab.core.errors import UserError

PAIRS = [
    (brightness, F.adjust_brightness),
    (contrast, F.adjust_contrast),
    (color, F.adjust_saturation),
    (sharpness, F.adjust_sharpness),
]
IDS = [ours.__name__ for ours, _ in PAIRS]


def factors(count=32):
    return torch.cat(
        [torch.tensor([0.0, 1.0, 2.0]), torch.rand(count - 3, generator=torch.Generator().manual_seed(3)) * 2.5]
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 24), (5, 3), (2, 9)])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_pixels_are_torchvisions_on_pil_images(ours, theirs, channels, size):
    images = random_images(size=size, channels=channels)
    wanted = one_by_one(images, lambda image, index: theirs(image, float(factors()[index])))
    assert torch.equal(ours(images, factors()), wanted)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=IDS)
def test_torchvision_on_tensors_is_a_level_away_at_most(ours, theirs):
    """Its mean and its grey are not rounded: the mean is off by less than 1, and that is pushed by the factor."""
    images = random_images()
    made = ours(images, factors())
    for index, image in enumerate(images):
        wanted = theirs(image.contiguous(), float(factors()[index]))
        assert (made[index].int() - wanted.int()).abs().max() <= 2


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("ours", [ours for ours, _ in PAIRS], ids=IDS)
def test_factor_one_changes_no_bit_and_factor_zero_does(ours, channels):
    images = random_images(channels=channels)
    assert torch.equal(ours(images, torch.ones(32)), images)
    if (ours, channels) != (color, 1):  # grey has no colour to lose
        assert not torch.equal(ours(images, torch.zeros(32)), images)


@pytest.mark.parametrize("size", [(9,), (4, 5, 6)])
@pytest.mark.parametrize("ours", [brightness, contrast, color])
def test_other_dimensions(ours, size):
    images = random_images(size=size)
    flat = images.flatten(2).unsqueeze(-1)
    wanted = ours(flat.contiguous(memory_format=torch.channels_last), factors()).view(images.shape)
    assert torch.equal(ours(images, factors()), wanted)


def test_grey_of_other_channels_is_their_rounded_mean():
    images = torch.tensor([[[[0, 3]], [[1, 4]]]], dtype=torch.uint8)
    assert grey_levels(images).tolist() == [[[1, 4]]]


def test_strength_is_the_reach_around_one():
    drawn = random_brightness(strength=0.3).draw(4000, torch.Generator().manual_seed(0))["factor"]
    assert 0.7 <= float(drawn.min()) < 0.71
    assert 1.29 < float(drawn.max()) <= 1.3
    assert float(random_brightness(strength=3).draw(4000, torch.Generator())["factor"].min()) >= 0


def test_numbers_that_are_no_grey_levels_are_refused():
    with pytest.raises(UserError, match="brightness works on grey levels 0 to 255, and these data are torch.float32"):
        brightness(torch.zeros(2, 3, 4, 4), torch.ones(2))
