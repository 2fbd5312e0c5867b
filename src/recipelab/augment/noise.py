"""Gaussian noise, from a seed drawn for every sample.

Drawing every number of an epoch beforehand would take more memory than the images do. So the draw of a sample is a
seed, and number i of its noise a hash of (seed, i): the same on every device and in every batch. The hash is
SplitMix64's finaliser (Steele, Lea, Flood 2014); its highest 16 bits are looked up in a table of the normal
distribution's quantiles, which is made once on the CPU.
"""

from __future__ import annotations

import functools
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.augment.primitive import Primitive, Probability, constant, require_bytes

_TABLE = 2**16


def gaussian_noise(images: Tensor, seed: Tensor, sigma: Tensor) -> Tensor:
    """images + N(0, sigma) for every number of them, rounded and kept within 0 to 255.

    images: (B, C, *S) uint8. seed: (B,) int64. sigma: (B,) float32, in grey levels.
    """
    require_bytes(images, "gaussian_noise")
    pixels = images.movedim(1, -1).contiguous()
    noise = normal_quantiles(images.device).index_select(0, hashed(seed, pixels[0].numel()).flatten() & (_TABLE - 1))
    noise = noise.view(len(pixels), -1).mul_(sigma.unsqueeze(-1))
    return noise.add_(pixels.flatten(1)).round_().clamp_(0, 255).to(torch.uint8).view(pixels.shape).movedim(-1, 1)


def hashed(seed: Tensor, count: int) -> Tensor:
    """`count` hashes of each seed (B,) int64: (B, count) int64, at least 0."""
    numbers = torch.arange(count, device=seed.device)
    return hash_numbers((seed << 32).unsqueeze(-1) + numbers)


def hash_numbers(numbers: Tensor) -> Tensor:
    """SplitMix64's finaliser of each number, less its lowest 33 bits: int64 in [0, 2^31)."""
    state = numbers + _signed(0x9E3779B97F4A7C15)
    state = (state ^ _shift(state, 30)) * _signed(0xBF58476D1CE4E5B9)
    state = (state ^ _shift(state, 27)) * _signed(0x94D049BB133111EB)
    return _shift(state ^ _shift(state, 31), 33)


def _shift(values: Tensor, bits: int) -> Tensor:
    """A logical shift to the right; the sign does not come along."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


@functools.cache
def normal_quantiles(device: torch.device) -> Tensor:
    """Quantiles of the standard normal distribution at (i + 0.5) / 65536, float32 on `device`."""
    quantiles: Tensor = torch.special.ndtri((torch.arange(_TABLE, dtype=torch.float64) + 0.5) / _TABLE)
    return quantiles.float().to(device)


def random_noise(*, sigma: Annotated[float, Ge(0)] = 8.0, p: Probability = 1.0) -> Primitive:
    """Noise of standard deviation `sigma` in grey levels; the default is 3 % of the range. Any number of dimensions."""
    samplers = {
        "seed": lambda count, generator: torch.randint(2**31, (count,), generator=generator),
        "sigma": constant(sigma),
    }
    return Primitive("noise", gaussian_noise, samplers, p)
