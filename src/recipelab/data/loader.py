"""Batches on the device, in an order fixed by (seed, epoch), from one uint8 tensor or from `Rows` read on the way.

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
from recipelab.core.generators import epoch_draws, generator
from recipelab.data.rows import Pass, Rows
from recipelab.data.sampling import Sampling, epoch_order
from recipelab.data.shares import positions, share

# Bytes of images normalised at once. 8x8 images in batches of 32: 4.9 million/s on two cores, against 0.36 a batch
# at a time. More gains little and can cost much: from 1 MiB on, the allocator may give the memory of the float32 images
# back after every chunk and fetch it anew (32x32x3 on one core: 380,000 images/s, 300,000 at 1 MiB, 190,000 at 4 MiB).
# A GPU pays for the launches of a chunk (about 30), not for its size.
_CHUNK_BYTES = {"cpu": 2**19, "cuda": 2**24}
# Bytes of stored images augmented at once: policies sort the samples of a chunk by the operation they drew, and groups
# of a few dozen make use of a call where groups of ten pay for it (RandAugment: 2.2 times as fast as with 512 KiB).
_AUGMENT_BYTES = {"cpu": 2**21, "cuda": 2**24}

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


def place(images: Tensor | Rows, device: torch.device) -> Tensor | Rows:
    """`images` on `device` if they fit there, else where they are: the loaders then copy chunk by chunk."""
    return images.to(device) if isinstance(images, Tensor) and fits(images.nbytes, device) else images


class TrainLoader:
    """Shuffled, augmented, normalised batches.

    images: (N, *S, C) uint8, contiguous, on the training device or on the CPU; or `Rows` of that shape.
    targets: (N,) int64 on the training device: the device that batches come out on.
    augment: the augment slot. normalize: (B, C, *S) uint8 -> float32, as `recipelab.augment.normalize.Normalize`.
    batch_size: samples in a batch; the last of an epoch may be smaller.
    seed: of order and draws.
    channels_last: memory order of the batches; False gives (B, C, *S) contiguous.
    sampling: how an epoch is drawn (sampling.py).
    pin: gather into pinned memory what is on its way to a GPU.
    """

    def __init__(  # noqa: PLR0913 - data, what is done to them, and how they are portioned
        self,
        images: Tensor | Rows,
        targets: Tensor,
        *,
        augment: Augment,
        normalize: Callable[[Tensor], Tensor],
        batch_size: int,
        seed: int,
        channels_last: bool = True,
        sampling: Sampling = "shuffle",
        pin: bool = True,
    ) -> None:
        self.images, self.targets = images, targets
        self.augment, self.normalize = augment, normalize
        self.batch_size, self.seed = batch_size, seed
        self.channels_last = channels_last
        self.pin = pin
        self.rank, self.world = 0, 1
        self.sampling = sampling
        self.labels = targets.cpu()

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.targets) / (self.batch_size * self.world))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the sample at position `start` of its order on (0 <= start <= N)."""
        count, device = len(self.targets), self.targets.device
        order = epoch_order(self.labels, self.sampling, generator(self.seed, "order", epoch))
        draws = epoch_draws(self.augment, order, epoch, generator(self.seed, "augment", epoch))
        mine = self._mine(start)
        order, draws = order[mine], {name: draw[mine] for name, draw in draws.items()}
        places = torch.arange(count)[mine]
        draws = {name: draw.to(device, non_blocking=True) for name, draw in draws.items()}
        there = order.to(device, non_blocking=True)
        chunk = _chunk_size(self.images, self.batch_size, _AUGMENT_BYTES, device)
        what = Pass(self.seed, "sample", epoch, places, training=True, pin=_pins(self.pin, device))
        reading = _read(self.images, order, chunk, device, what)
        position = start
        for begin in range(0, len(order), chunk):
            part = slice(begin, begin + chunk)
            stored, shown = next(reading)
            images = self.augment(stored.movedim(-1, 1), {name: draw[part] for name, draw in draws.items()})
            labels = self.targets.index_select(0, there[part] if shown is None else shown)
            for batch in self._batches(images, labels):
                total = min(self.batch_size * self.world, count - position)
                yield Batch(batch[0], Target(batch[1]), total, counts=self.rank < total)
                position += total

    def _batches(self, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented images (B, C, *S) uint8 and their labels, normalised some batches at a time."""
        piece = _chunk_size(images, self.batch_size, _CHUNK_BYTES, labels.device)
        for stored, targets in zip(images.split(piece), labels.split(piece), strict=True):
            normal = self.normalize(stored)
            normal = normal if self.channels_last else normal.contiguous()
            yield from zip(normal.split(self.batch_size), targets.split(self.batch_size), strict=True)

    def of_rank(self, rank: int, world: int) -> TrainLoader:
        """This loader, for rank `rank` of `world`: a batch is its share of world * batch_size samples."""
        self.rank, self.world = rank, world
        return self

    def _mine(self, start: int) -> slice | Tensor:
        """Positions in an epoch's order of the samples of this rank, from `start` on."""
        if self.world == 1:
            return slice(start, None)
        return positions(len(self.targets), start, self.batch_size, self.rank, self.world)


class EvalLoader:
    """Every sample once, in the order stored, normalised. Parameters are those of TrainLoader.

    A file that cannot be read, and that `Rows` would show another one for, is left out.
    """

    def __init__(
        self,
        images: Tensor | Rows,
        targets: Tensor,
        *,
        normalize: Callable[[Tensor], Tensor],
        batch_size: int,
        channels_last: bool = True,
        pin: bool = True,
    ) -> None:
        self.images, self.targets = images, targets
        self.normalize = normalize
        self.batch_size = batch_size
        self.channels_last = channels_last
        self.pin = pin
        self.rank, self.world = 0, 1

    def __len__(self) -> int:
        """Batches in an evaluation."""
        return math.ceil(len(self.targets) / (self.batch_size * self.world))

    def of_rank(self, rank: int, world: int) -> EvalLoader:
        """This loader, for rank `rank` of `world`. All have equally many batches; the last may be empty on some."""
        self.rank, self.world = rank, world
        return self

    def __iter__(self) -> Iterator[Batch]:
        """The batches, in order."""
        device = self.targets.device
        for part, stored in self._parts(device):
            images = self.normalize(stored.to(device, non_blocking=True).movedim(-1, 1))
            images = images if self.channels_last else images.contiguous()
            yield Batch(images, Target(self.targets[part]), rows=part)

    def _shares(self) -> Iterator[slice]:
        """Which samples of each batch are this rank's; of the last perhaps none."""
        whole = self.batch_size * self.world
        for begin in range(0, len(self.targets), whole):
            mine = share(min(whole, len(self.targets) - begin), self.rank, self.world)
            yield slice(begin + mine.start, begin + mine.stop)

    def _parts(self, device: torch.device) -> Iterator[tuple[slice | Tensor, Tensor]]:
        """(which samples, their images (B, *S, C)) of each batch."""
        if isinstance(self.images, Tensor):
            for mine in self._shares():
                yield mine, self.images[mine]
            return
        rows = [torch.arange(mine.start, mine.stop) for mine in self._shares()]
        chunks = self.images.chunks(torch.cat(rows), self.batch_size, Pass(pin=_pins(self.pin, device)))
        for part in rows:
            if len(part) == 0:
                yield part.to(device), torch.empty((0, *self.images.shape[1:]), dtype=self.images.dtype)
                continue
            stored, shown = next(chunks)
            asked = torch.ones(len(part), dtype=torch.bool) if shown is None else shown == part
            if asked.any():
                yield part[asked].to(device), stored[asked] if shown is not None else stored


def _chunk_size(images: Tensor | Rows, batch_size: int, limits: dict[str, int], device: torch.device) -> int:
    """Samples to work on at once: whole batches, at least one, as many as so many bytes hold."""
    sample_bytes = images.nbytes // len(images)
    wanted = limits.get(device.type, limits["cuda"])
    return batch_size * max(1, wanted // (batch_size * sample_bytes))


def _read(
    images: Tensor | Rows, order: Tensor, size: int, device: torch.device, what: Pass
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The images at `order` on `device`, `size` at a time, and which rows they are where not those asked for."""
    if isinstance(images, Tensor):
        for rows in order.to(images.device, non_blocking=True).split(size):
            yield _gather(images, rows, device, what.pin), None
        return
    for stored, shown in images.chunks(order, size, what):
        yield stored.to(device, non_blocking=True), None if shown is None else shown.to(device)


def _pins(wanted: bool, device: torch.device) -> bool:
    return wanted and device.type == "cuda"


def _gather(images: Tensor, rows: Tensor, device: torch.device, pin: bool) -> Tensor:
    """images[rows] on `device`; if gathered on the CPU, then into pinned memory, so that nothing waits for the copy."""
    if images.device == device:
        return images.index_select(0, rows)
    staged = torch.empty((len(rows), *images.shape[1:]), dtype=images.dtype, pin_memory=pin)
    return torch.index_select(images, 0, rows, out=staged).to(device, non_blocking=True)
