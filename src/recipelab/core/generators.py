"""Keyed randomness: every draw has an address (seed, purpose, epoch) or (seed, purpose, rank, step).

Order and per-sample draws come from `generator(seed, purpose, epoch)`, drawn for a whole epoch at once and sliced by
the sample's position in it, so that batch size, workers, ranks and chunking cannot change them. What draws inside a
step (dropout, lambda, a user's module) uses torch's default generators, which `seed_step` sets before each forward.
No generator state is ever saved.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor


def hash32(*parts: int | str) -> int:
    """A 32-bit address for `parts`: the first four bytes of SHA-256 over their text.

    32 bits because torch's CPU generator (mt19937) uses only the low 32 bits of its seed.
    """
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """The CPU generator of one (seed, purpose, epoch)."""
    return torch.Generator().manual_seed(hash32(seed, purpose, epoch))


def epoch_draws(augment: Any, order: Tensor, epoch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """The draws of an epoch from an augmentation, by whichever of its two ways it has (see `recipelab.augment`).

    order: (N,) int64, the index of the sample at each position. epoch: from 0.
    """
    if hasattr(augment, "draw_epoch"):
        draws: dict[str, Tensor] = augment.draw_epoch(order, epoch, generator)
    else:
        draws = augment.draw(len(order), generator)
    return draws


def step_base(seed: int, purpose: str = "step", rank: int = 0) -> int:
    """The base that `seed_step` adds the step to; computed once a run."""
    return hash32(seed, purpose, rank)


def seed_step(base: int, step: int, device: torch.device) -> None:
    """Set torch's default generators for one step: (base + step) mod 2^32.

    `default_generator.manual_seed` costs 1 us where `torch.manual_seed` costs 97.
    """
    value = (base + step) % 2**32
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(value)
