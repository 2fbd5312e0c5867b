"""Gaussian noise: its distribution, and that a sample's noise is its own."""

import torch

from pil_reference import random_images
from recipelab.augment.noise import gaussian_noise, hashed, normal_quantiles


def test_mean_deviation_and_shape_are_those_of_a_normal():
    images = torch.full((64, 3, 32, 32), 128, dtype=torch.uint8)
    noise = gaussian_noise(images, torch.arange(64), torch.full((64,), 12.0)).double() - 128
    assert abs(float(noise.mean())) < 5 * 12 / noise.numel() ** 0.5
    assert abs(float(noise.var()) - (144 + 1 / 12)) < 5 * 144 * (2 / noise.numel()) ** 0.5
    assert abs(float((noise.abs() < 12.5).double().mean()) - 0.7025) < 0.005


def test_numbers_of_a_sample_and_of_neighbours_are_not_correlated():
    numbers = hashed(torch.arange(200), 500).double()
    assert abs(float(torch.corrcoef(torch.stack([numbers[:-1].flatten(), numbers[1:].flatten()]))[0, 1])) < 0.016
    assert abs(float(torch.corrcoef(torch.stack([numbers[:, :-1].flatten(), numbers[:, 1:].flatten()]))[0, 1])) < 0.016
    assert len(numbers.unique()) > 0.9999 * numbers.numel()
    assert numbers.min() >= 0
    assert numbers.max() < 2**31


def test_a_sample_alone_gets_the_same_noise():
    images, seeds, sigma = random_images(), torch.arange(32) * 7, torch.linspace(0, 30, 32)
    whole = gaussian_noise(images, seeds, sigma)
    assert torch.equal(gaussian_noise(images[5:6], seeds[5:6], sigma[5:6]), whole[5:6])
    assert torch.equal(whole[0], images[0]), "sigma 0 is the identity"
    assert not torch.equal(whole[1:], images[1:])


def test_quantiles():
    table = normal_quantiles(torch.device("cpu"))
    assert torch.equal(table, -table.flip(0))
    assert abs(float(table[int(0.975 * 2**16)]) - 1.95996) < 1e-3
