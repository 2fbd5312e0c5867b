"""Hue and grey against torchvision."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from pil_reference import furthest, random_images
from recipelab.augment.hue import grayscale, hue, random_hue
from recipelab.core.errors import UserError

SHIFTS = torch.linspace(-0.5, 0.5, 32)


def test_hue_is_within_a_level_of_torchvision_on_tensors():
    images = random_images()
    wanted = torch.stack([F.adjust_hue(image.contiguous(), float(s)) for image, s in zip(images, SHIFTS, strict=True)])
    assert furthest(hue(images, SHIFTS), wanted) <= 1


def test_no_shift_changes_no_bit_and_a_shift_keeps_grey():
    images = random_images()
    assert torch.equal(hue(images, torch.zeros(32)), images)
    assert not torch.equal(hue(images, SHIFTS), images)
    grey = images[:, :1].expand(-1, 3, -1, -1)
    assert torch.equal(hue(grey, SHIFTS), grey)


def test_a_third_of_the_circle_exchanges_the_channels():
    images = random_images()
    turned = hue(images, torch.full((32,), 1 / 3))
    assert furthest(turned, images[:, [2, 0, 1]]) <= 1


def test_grayscale():
    images = random_images()
    wanted = torch.stack([F.rgb_to_grayscale(image.contiguous(), num_output_channels=3) for image in images])
    assert furthest(grayscale(images), wanted) <= 1
    assert torch.equal(grayscale(images[:, :1]), images[:, :1])


def test_hue_needs_colour():
    with pytest.raises(UserError, match="hue takes images of 3 channels, and these have 1"):
        random_hue(input_channels=1)
