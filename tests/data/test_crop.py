"""Crops against torchvision's own transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, RandomResizedCrop, Resize

from recipelab.data.crop import Crop, make_crop
from recipelab.data.decode import fit

SIZES = [(50, 80), (80, 50), (64, 64), (33, 200)]


def photograph(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scale", "ratio"), [([0.08, 1.0], None), ([0.5, 0.6], [0.9, 2.0])])
def test_equals_torchvisions_random_resized_crop(size, scale, ratio):
    image, crop = photograph(*size), make_crop(scale, ratio)
    assert crop is not None
    theirs = RandomResizedCrop((24, 20), tuple(scale), tuple(ratio) if ratio else (3 / 4, 4 / 3), antialias=True)
    for seed in range(10):
        torch.manual_seed(seed)
        wanted = np.asarray(theirs(image))
        torch.manual_seed(seed)
        assert np.array_equal(np.asarray(crop(image, (24, 20))), wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("resize", "cut"), [(32, (28, 28)), (30, (30, 24)), (40, (33, 39))])
def test_evaluation_equals_resize_and_center_crop(size, resize, cut):
    image = photograph(*size)
    wanted = Compose([Resize(resize), CenterCrop(cut)])(image)
    assert np.array_equal(np.asarray(fit(image, cut, resize)), np.asarray(wanted))


def test_defaults_are_torchvisions():
    assert Crop() == make_crop([0.08, 1.0], [3 / 4, 4 / 3])
    assert make_crop(None, None) is None
