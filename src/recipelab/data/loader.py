"""Batches from one uint8 tensor, on the device, in an order fixed by (seed, epoch).

The order of an epoch and every sample's augmentation draws are made at once, on the CPU, and sliced by the sample's
position in that order: batch size, chunking and where an epoch is resumed cannot change a bit of any sample. The work
is done a chunk of several batches at a time, so that small images do not pay the cost of a call for every batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from recipelab.core.batch import Batch, Target
from recipelab.core.generators import generator
from recipelab.data.sampling import Sampling, epoch_order

# Bytes of images worked on at once. 8x8 images in batches of 32: 4.9 million/s on two cores, against 0.36 a batch
# at a time. More gains little and can cost much: from 1 MiB on, the allocator may give the memory of the float32 images
# back after every chunk and fetch it anew (32x32x3 on one core: 380,000 images/s, 300,000 at 1 MiB, 190,000 at 4 MiB).
# A GPU pays for the launches of a chunk (about 30), not for its size.
_CHUNK_BYTES = {"cpu": 2**19, "cuda": 2**24}

# What stays free when the images move to a GPU: weights, activations and averages want the rest.
_SHARE_OF_FREE_MEMORY = 0.5


class Augment(Protocol):
    """What the augment slot holds; the contract is written in `recipelab.augment`."""

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]: ...
    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor: ...


def fits(nbytes: int, device: torch.device) -> bool:
    """Whether so many bytes of images may live on `device`: half of a GPU's free memory; elsewhere it is the host's."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return nbytes <= free * _SHARE_OF_FREE_MEMORY


def place(images: Tensor, device: torch.device) -> Tensor:
    """`images` on `device` if they fit there, else where they are: the loaders then copy chunk by chunk."""
    return images.to(device) if fits(images.nbytes, device) else images


class TrainLoader:
    """Shuffled, augmented, normalised batches.

    images: (N, *S, C) uint8, contiguous, on the training device or on the CPU.
    targets: (N,) int64 on the training device: the device that batches come out on.
    augment: the augment slot. normalize: (B, C, *S) uint8 -> float32, as `recipelab.augment.normalize.Normalize`.
    batch_size: samples in a batch; the last of an epoch may be smaller.
    seed: of order and draws.
    channels_last: memory order of the batches; False gives (B, C, *S) contiguous.
    sampling: how an epoch is drawn (sampling.py).
    """

    def __init__(  # noqa: PLR0913 - what a loader is made of
        self,
        images: Tensor,
        targets: Tensor,
        *,
        augment: Augment,
        normalize: Callable[[Tensor], Tensor],
        batch_size: int,
        seed: int,
        channels_last: bool = True,
        sampling: Sampling = "shuffle",
    ) -> None:
        self.images, self.targets = images, targets
        self.augment, self.normalize = augment, normalize
        self.batch_size, self.seed = batch_size, seed
        self.channels_last = channels_last
        self.sampling = sampling
        self.labels = targets.cpu()

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.targets) / self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the sample at position `start` of its order on (0 <= start <= N)."""
        count, device = len(self.targets), self.targets.device
        order = epoch_order(self.labels, self.sampling, generator(self.seed, "order", epoch))
        draws = self.augment.draw(count, generator(self.seed, "augment", epoch))
        draws = {name: draw.to(device, non_blocking=True) for name, draw in draws.items()}
        here, there = (order.to(place, non_blocking=True) for place in (self.images.device, device))
        chunk = _chunk_size(self.images, self.batch_size, device)
        for begin in range(start, count, chunk):
            part = slice(begin, begin + chunk)
            images = _gather(self.images, here[part], device).movedim(-1, 1)
            images = self.normalize(self.augment(images, {name: draw[part] for name, draw in draws.items()}))
            images = images if self.channels_last else images.contiguous()
            labels = self.targets.index_select(0, there[part])
            for batch_images, batch_labels in zip(
                images.split(self.batch_size), labels.split(self.batch_size), strict=True
            ):
                yield Batch(batch_images, Target(batch_labels))


class EvalLoader:
    """Every sample once, in the order stored, normalised. Parameters are those of TrainLoader."""

    def __init__(
        self,
        images: Tensor,
        targets: Tensor,
        *,
        normalize: Callable[[Tensor], Tensor],
        batch_size: int,
        channels_last: bool = True,
    ) -> None:
        self.images, self.targets = images, targets
        self.normalize = normalize
        self.batch_size = batch_size
        self.channels_last = channels_last

    def __len__(self) -> int:
        """Batches in an evaluation."""
        return math.ceil(len(self.targets) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches, in order."""
        for begin in range(0, len(self.targets), self.batch_size):
            part = slice(begin, begin + self.batch_size)
            stored = self.images[part].to(self.targets.device, non_blocking=True)
            images = self.normalize(stored.movedim(-1, 1))
            yield Batch(images if self.channels_last else images.contiguous(), Target(self.targets[part]))


def _chunk_size(images: Tensor, batch_size: int, device: torch.device) -> int:
    """Samples to work on at once: whole batches, at least one, as many as _CHUNK_BYTES hold."""
    sample_bytes = images.nbytes // len(images)
    wanted = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES["cuda"])
    return batch_size * max(1, wanted // (batch_size * sample_bytes))


def _gather(images: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """images[rows] on `device`; if gathered on the CPU, then into pinned memory, so that nothing waits for the copy."""
    if images.device == device:
        return images.index_select(0, rows)
    pinned = torch.empty((len(rows), *images.shape[1:]), dtype=images.dtype, pin_memory=True)
    return torch.index_select(images, 0, rows, out=pinned).to(device, non_blocking=True)
