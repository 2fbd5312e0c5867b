"""Mean and standard deviation of the training images, for data whose yaml declares none."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from recipelab.data.pool import Pool
from recipelab.data.rows import BLOCK, Mapped, Pass, Rows, rows_of

_PIECE = 2**20  # values of a channel turned to float64 at once
SAMPLE = 2048  # images of a stream that are read to measure it


def pool_statistics(pool: Pool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`channel_statistics` of a pool's images: of all that are decoded, else of 2,048 evenly spaced ones."""
    if isinstance(pool.images, Mapped):
        return byte_statistics(pool.images.blocks())
    if isinstance(pool.images, Rows):
        return _stream_statistics(pool.images)
    return channel_statistics(pool.images)


def _stream_statistics(images: Rows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of a sample; bytes are counted a block at a time, floats as many as a few blocks hold."""
    most = SAMPLE if images.dtype == torch.uint8 else min(SAMPLE, rows_of(4 * BLOCK, images))
    sample = images.subset(torch.linspace(0, len(images) - 1, min(most, len(images))).long())
    if images.dtype != torch.uint8:
        return channel_statistics(sample.loaded()[0])
    chunks = sample.chunks(torch.arange(len(sample)), rows_of(BLOCK, images), Pass())
    return byte_statistics(block if shown is None else block[shown >= 0] for block, shown in chunks)


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation (population) of (N, *S, C) images: uint8 scaled to [0, 1], float32 as is.

    Exact for uint8: from the histogram of the 256 grey levels. A constant channel gets a deviation of one grey level
    (of 1, for float32), so that normalising it divides by something.
    """
    if images.is_floating_point():
        return _float_statistics(images.reshape(-1, images.shape[-1]))
    return byte_statistics([images])


def byte_statistics(blocks: Iterable[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`channel_statistics` of uint8 images that come in blocks (B, *S, C)."""
    counts = sum(
        torch.stack([_levels(channel) for channel in block.reshape(-1, block.shape[-1]).unbind(-1)]) for block in blocks
    )
    assert isinstance(counts, Tensor)
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for count in counts:
        share = count.double() / count.sum()
        mean = (share * levels).sum()
        means.append(float(mean))
        stds.append(max(float((share * (levels - mean) ** 2).sum().sqrt()), 1 / 255))
    return tuple(means), tuple(stds)


def _levels(channel: Tensor) -> Tensor:
    return torch.bincount(channel.int(), minlength=256)


def _float_statistics(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of (M, C) float32 values, summed in float64 a piece at a time, in two passes: no large mean swallows a digit."""
    pieces = values.split(_PIECE)
    mean = sum((piece.double().sum(0) for piece in pieces), torch.zeros(values.shape[1]).double()) / len(values)
    squares = sum(((piece.double() - mean).square().sum(0) for piece in pieces), torch.zeros_like(mean))
    std = (squares / len(values)).sqrt()
    return tuple(mean.tolist()), tuple(torch.where(std > 0, std, 1.0).tolist())
