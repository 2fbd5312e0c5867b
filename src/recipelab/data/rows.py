"""Rows: images that are not one tensor in memory, but come when they are asked for.

A pool's images are a tensor, or `Rows`: `Mapped`, a file of decoded images that the system maps into memory, or
`recipelab.data.stream.Stream`, images decoded by worker processes while the device computes. The loaders ask both in
the same words, and nothing that follows (augmentation, normalisation) knows which it was.
"""

from __future__ import annotations

import abc
import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 2**24  # bytes read at once where a whole mapped file is gone through


@dataclass(frozen=True)
class Pass:
    """One pass over images, and the address of what is drawn in it.

    The sample at position p of the pass's order draws from (seed, purpose, epoch, p), so that neither batch size, nor
    workers, nor where a pass is begun changes a draw.

    positions: (M,) int64, of the rows asked for; None: from 0 on. training: whether random crops are cut, or what
    evaluation sees.
    pin: give tensors in pinned memory.
    """

    seed: int = 0
    purpose: str = "evaluation"
    epoch: int = 0
    positions: Tensor | None = None
    training: bool = False
    pin: bool = False


@dataclass(frozen=True)
class Loading:
    """How images are read. workers: processes, 0 for none. prefetch: tasks that each worker has in advance."""

    workers: int = 0
    prefetch: int = 2


class Rows(abc.ABC):
    """N images of one shape. shape: (N, *S, C). dtype: of the images. storage: what `data.storage` calls them."""

    storage: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all images, decoded."""
        return math.prod(self.shape) * self.dtype.itemsize

    @abc.abstractmethod
    def subset(self, indices: Tensor) -> Rows:
        """The rows at `indices` ((M,) int64), in that order; nothing is read."""

    @abc.abstractmethod
    def chunks(self, order: Tensor, size: int, what: Pass) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The images at `order` ((M,) int64), `size` at a time: ((B, *S, C) on the CPU, rows (B,) int64 or None).

        The rows are those that are really shown: where a file cannot be read, another row stands in for it in
        training, and in evaluation nothing does: -1. None: those asked for.
        """

    @abc.abstractmethod
    def feed(self, digest: hashlib._Hash) -> None:
        """Update a digest with what identifies the images."""

    def use(self, loading: Loading) -> None:  # noqa: B027 - most have nothing to do
        """How to read from now on; rows that need no workers take no notice."""

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """End what was started to read."""

    def loaded(self) -> tuple[Tensor, Tensor]:
        """All images that can be read, in memory, as evaluation sees them: (M, *S, C), and which rows (M,) they are."""
        images, rows = torch.empty(self.shape, dtype=self.dtype), []
        order, size, begin = torch.arange(len(self)), rows_of(BLOCK, self), 0
        for asked, (chunk, shown) in zip(order.split(size), self.chunks(order, size, Pass()), strict=True):
            good = torch.ones(len(asked), dtype=torch.bool) if shown is None else shown == asked
            rows.append(asked[good])
            images[begin : begin + len(rows[-1])] = chunk if shown is None else chunk[good]
            begin += len(rows[-1])
        return images[:begin], torch.cat(rows)


def rows_of(nbytes: int, images: Tensor | Rows) -> int:
    """How many images so many bytes hold; at least one."""
    return max(1, nbytes // (images.nbytes // len(images)))


class Mapped(Rows):
    """Rows of a decoded file that is mapped into memory: processes share one copy, and the system drops it at need.

    stored: (N, *S, C), a tensor over the mapped file, on the CPU. rows: (M,) int64, which of its rows; None for all.
    """

    storage = "memmap"

    def __init__(self, stored: Tensor, rows: Tensor | None = None) -> None:
        self.stored = stored
        self.rows = torch.arange(len(stored)) if rows is None else rows
        self.shape = (len(self.rows), *stored.shape[1:])
        self.dtype = stored.dtype

    def subset(self, indices: Tensor) -> Mapped:
        """Rows of the same file."""
        return Mapped(self.stored, self.rows[indices])

    def chunks(self, order: Tensor, size: int, what: Pass) -> Iterator[tuple[Tensor, Tensor | None]]:
        """See `Rows.chunks`; a thread gathers the next chunk while the caller works on this one."""
        parts = self.rows[order].split(size) if len(order) else ()
        with ThreadPoolExecutor(1) as ahead:
            coming = [ahead.submit(self._gather, part, what.pin) for part in parts[:1]]
            for part in [*parts[1:], None]:
                if not coming:
                    return
                images = coming.pop().result()
                if part is not None:
                    coming.append(ahead.submit(self._gather, part, what.pin))
                yield images, None

    def _gather(self, rows: Tensor, pin: bool) -> Tensor:
        out = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype, pin_memory=pin)
        return torch.index_select(self.stored, 0, rows, out=out)

    def blocks(self) -> Iterator[Tensor]:
        """All images in order, a block at a time."""
        for rows in self.rows.split(rows_of(BLOCK, self)):
            yield self.stored.index_select(0, rows)

    def feed(self, digest: hashlib._Hash) -> None:
        """The bytes of the images: the digest is that of the same images in memory."""
        for block in self.blocks():
            digest.update(block.reshape(-1).numpy().data)
