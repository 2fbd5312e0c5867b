"""Mean and standard deviation of the training images, for data whose yaml declares none."""

from __future__ import annotations

import torch
from torch import Tensor

_PIECE = 2**20  # values of a channel turned to float64 at once


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation (population) of (N, *S, C) images: uint8 scaled to [0, 1], float32 as is.

    Exact for uint8: from the histogram of the 256 grey levels. A constant channel gets a deviation of one grey level
    (of 1, for float32), so that normalising it divides by something.
    """
    if images.is_floating_point():
        return _float_statistics(images.reshape(-1, images.shape[-1]))
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.reshape(-1, images.shape[-1]).unbind(-1):
        share = torch.bincount(channel.int(), minlength=256).double() / channel.numel()
        mean = (share * levels).sum()
        means.append(float(mean))
        stds.append(max(float((share * (levels - mean) ** 2).sum().sqrt()), 1 / 255))
    return tuple(means), tuple(stds)


def _float_statistics(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of (M, C) float32 values, summed in float64 a piece at a time, in two passes: no large mean swallows a digit."""
    pieces = values.split(_PIECE)
    mean = sum((piece.double().sum(0) for piece in pieces), torch.zeros(values.shape[1]).double()) / len(values)
    squares = sum(((piece.double() - mean).square().sum(0) for piece in pieces), torch.zeros_like(mean))
    std = (squares / len(values)).sqrt()
    return tuple(mean.tolist()), tuple(torch.where(std > 0, std, 1.0).tolist())
