"""Gaussian blur against torchvision."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from pil_reference import furthest, random_images
from recipelab.augment.blur import gaussian_blur, random_blur
from recipelab.core.errors import UserError


@pytest.mark.parametrize("kernel", [3, 5, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_within_a_level_of_torchvision(kernel, channels):
    images, sigmas = random_images(channels=channels), torch.linspace(0.1, 3, 32)
    made = gaussian_blur(images, sigmas, kernel=kernel)
    for index, image in enumerate(images):
        wanted = F.gaussian_blur(image.contiguous(), [kernel, kernel], [float(sigmas[index])] * 2)
        assert furthest(made[index], wanted) <= 1


@pytest.mark.parametrize("size", [(9,), (6, 7), (5, 6, 7)])
def test_no_width_changes_no_bit_in_any_dimensions(size):
    images = random_images(size=size)
    assert torch.equal(gaussian_blur(images, torch.zeros(32), kernel=3), images)
    blurred = gaussian_blur(images, torch.full((32,), 1.0), kernel=3)
    assert blurred.float().var() < images.float().var()


def test_kernels_that_cannot_be_are_refused():
    with pytest.raises(UserError, match="kernel=4 of gaussian_blur must be odd; give 5"):
        random_blur(image_size=(8, 8), kernel=4)
    with pytest.raises(UserError, match="too wide for images of 4 pixels"):
        random_blur(image_size=(4, 8), kernel=9)
