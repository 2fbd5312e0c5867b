"""Mean and standard deviation of the training images, for data whose yaml declares none."""

from __future__ import annotations

import torch
from torch import Tensor


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation (population) of (N, *S, C) uint8 images scaled to [0, 1].

    Exact: from the histogram of the 256 grey levels. A constant channel gets a deviation of one grey level, so that
    normalising it divides by something.
    """
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.reshape(-1, images.shape[-1]).unbind(-1):
        share = torch.bincount(channel.int(), minlength=256).double() / channel.numel()
        mean = (share * levels).sum()
        means.append(float(mean))
        stds.append(max(float((share * (levels - mean) ** 2).sum().sqrt()), 1 / 255))
    return tuple(means), tuple(stds)
