"""Normalisation against its definition."""

import pytest
import torch

from recipelab.augment.normalize import Normalize, normalize

CASES = [(3, (32, 32)), (1, (8, 8)), (2, (9, 14)), (3, (300,)), (1, (11,)), (3, (4, 5, 6)), (4, (1, 1)), (1, (1000, 3))]


def statistics(channels):
    return [0.1 + 0.2 * channel for channel in range(channels)], [0.2 + 0.05 * channel for channel in range(channels)]


def defined(images, mean, std):
    """(x / 255 - mean) / std in float64."""
    shape = (1, -1, *[1] * (images.ndim - 2))
    return (images.double() / 255 - torch.tensor(mean).double().view(shape)) / torch.tensor(std).double().view(shape)


def every_byte(channels, size, batch=5):
    count = batch * channels * torch.Size(size).numel()
    return (torch.arange(count) % 256).to(torch.uint8).view(batch, *size, channels).movedim(-1, 1)


@pytest.mark.parametrize(("channels", "size"), CASES)
def test_equals_definition(channels, size):
    mean, std = statistics(channels)
    images = every_byte(channels, size)
    made = Normalize(mean, std, size)(images)
    assert made.dtype == torch.float32
    assert made.shape == images.shape
    assert (made - defined(images, mean, std)).abs().max() < 1e-6


def test_pure_function_with_one_number_a_channel():
    images = every_byte(2, (3, 5))
    made = normalize(images, torch.tensor([2.0, 0.5]), torch.tensor([1.0, -1.0]))
    assert torch.equal(made[:, 0], images[:, 0] * 2.0 + 1.0)
    assert torch.equal(made[:, 1], images[:, 1] * 0.5 - 1.0)


def test_length_of_the_tile_changes_no_bit():
    mean, std = statistics(3)
    images = every_byte(3, (32, 32))
    tiled = Normalize(mean, std, (32, 32))
    assert torch.equal(tiled(images), normalize(images, tiled.scale[:3], tiled.shift[:3]))


def test_memory_order_in_and_out():
    mean, std = statistics(3)
    images = every_byte(3, (8, 6))
    made = Normalize(mean, std, (8, 6))(images)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(Normalize(mean, std, (8, 6))(images.contiguous()), made)


def test_batch_size_changes_no_bit():
    mean, std = statistics(3)
    images = every_byte(3, (7, 5), batch=11)
    made = Normalize(mean, std, (7, 5))
    assert torch.equal(torch.cat([made(part) for part in images.split(3)]), made(images))
