"""Affine maps of whole batches by one resampling, every sample with a matrix of its own, in any number of dimensions.

Coordinates are fixed-point integers, as Pillow's `Image.transform(AFFINE, NEAREST)` computes them (16 fraction bits):
the same pixels as torchvision's functional `affine` and `rotate` on PIL images, on every device. A pixel's centre is
at +0.5; a source outside the image is `fill`. Bilinear: the same coordinates, weights from their fraction, the border
pixel repeated for half a pixel as Pillow does.

Cost: 1.5 to 5 us for the indices of an image of 32x32 and 2.4 for its pixels, on one core; a batch of more than about
a hundred at once costs more, as its indices leave the cache.
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor

Interpolation = Literal["nearest", "bilinear"]
FRACTION_BITS = {torch.int32: 16, torch.int64: 32}


def affine(images: Tensor, matrices: Tensor, *, fill: list[int], interpolation: Interpolation = "nearest") -> Tensor:
    """Each output pixel at x (indices) shows the source at matrix @ (x, 1), where `fixed` has added the half pixels.

    images: (B, C, *S), any type; bilinear needs uint8.
    matrices: (B, D, D + 1) from output to source, axes in the order of S, from `fixed`: int32 with 16 fraction bits, or
        int64 with 32.
    fill: one value a channel.

    Returns (B, C, *S) in channels-last memory order.
    """
    pixels = images.movedim(1, -1).contiguous()
    sizes, channels = pixels.shape[1:-1], pixels.shape[-1]
    outside = torch.tensor(fill, dtype=pixels.dtype).to(pixels.device, non_blocking=True)
    rows = torch.cat([pixels.view(-1, channels), outside.view(1, channels)])
    places = _coordinates(matrices, sizes)
    if interpolation == "nearest":
        bits = FRACTION_BITS[matrices.dtype]
        made = rows.index_select(0, _flat([place >> bits for place in places], sizes, len(rows) - 1).flatten())
    else:
        made = _bilinear(rows, places, sizes, FRACTION_BITS[matrices.dtype])
    return made.view(pixels.shape).movedim(-1, 1)


def fixed(matrices: Tensor, *, bits: int = 16) -> Tensor:
    """Matrices (count, D, D + 1) float64, acting on continuous coordinates, to fixed point, acting on pixel indices.

    The half pixel of the output's centre is added here; rounding is floor(x + 0.5), as Pillow's.
    """
    shifted = matrices.clone()
    shifted[..., -1] += matrices[..., :-1].sum(-1) * 0.5
    return (shifted * 2.0**bits + 0.5).floor_().to(torch.int32 if bits == 16 else torch.int64)


def inverse_matrices(
    *, angle: Tensor, translate: Tensor, scale: Tensor, shear: Tensor, center: tuple[float, float]
) -> Tensor:
    """From output to source: the inverse of scaling, shearing, rotating about `center`, then translating.

    angle: (count,) degrees, counter-clockwise for negative values, as torchvision's `affine`. translate: (count, 2)
    pixels down and right. scale: (count,), > 0. shear: (count, 2) degrees along y and along x. center: (y, x). All
    float64. Returns (count, 2, 3) float64, rows and columns in the order y, x.

    Formula: torchvision's `_get_inverse_affine_matrix`, M = T C R Sh S C^-1 with its order of operations.
    """
    rotation, shear_y, shear_x = angle.deg2rad(), shear[:, 0].deg2rad(), shear[:, 1].deg2rad()
    a = (rotation - shear_y).cos() / shear_y.cos()
    b = -a * shear_x.tan() - rotation.sin()
    c = (rotation - shear_y).sin() / shear_y.cos()
    d = -c * shear_x.tan() + rotation.cos()
    linear = torch.stack([a, -c, -b, d], -1).view(-1, 2, 2) / scale.view(-1, 1, 1)  # rows y, x; columns y, x
    return about(linear, center, translate)


def about(linear: Tensor, center: tuple[float, ...], translate: Tensor) -> Tensor:
    """Matrices (count, D, D + 1) of inverse linear parts (count, D, D) about `center`, after translations (count, D).

    All in pixels and float64, axes in the order of the image's sizes.
    """
    middle = torch.tensor(center, dtype=torch.float64)
    offset = middle - (linear @ (middle + translate).unsqueeze(-1)).squeeze(-1)
    return torch.cat([linear, offset.unsqueeze(-1)], -1)


def _coordinates(matrices: Tensor, sizes: torch.Size) -> list[Tensor]:
    """Source coordinate (B, *sizes) of every output pixel along each axis, in fixed point."""
    places = []
    for row in matrices.unbind(1):
        place = row[:, -1]
        for axis, size in enumerate(sizes):
            steps = row[:, axis, None] * torch.arange(size, dtype=matrices.dtype, device=matrices.device)
            place = place.unsqueeze(-1) + steps.view(-1, *[1] * axis, size)
        places.append(place)
    return places


def _flat(indices: list[Tensor], sizes: torch.Size, outside: int) -> Tensor:
    """Rows of (B * pixels + 1, C) that (B, *sizes) index tensors mean; `outside` where one leaves the image."""
    bad, place = None, torch.arange(len(indices[0]), device=indices[0].device, dtype=indices[0].dtype)
    place = place.view(-1, *[1] * len(sizes))
    for index, size in zip(indices, sizes, strict=True):
        near = index.clamp(0, size - 1)
        wrong = near != index
        bad = wrong if bad is None else bad.logical_or_(wrong)
        place = near.add_(place * size)
    assert bad is not None
    return place.masked_fill_(bad, outside)


def _bilinear(rows: Tensor, places: list[Tensor], sizes: torch.Size, bits: int) -> Tensor:
    """The weighted mean of the 2^D neighbours, truncated as Pillow does: (B * pixels, C) uint8."""
    half, one = 1 << (bits - 1), 1 << bits
    outside = _flat([place >> bits for place in places], sizes, len(rows) - 1).flatten() == len(rows) - 1
    base = [(place - half) >> bits for place in places]
    weight = [((place - half) - (low << bits)).float() / one for place, low in zip(places, base, strict=True)]
    total = None
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        near = [(low + up).clamp_(0, size - 1) for low, up, size in zip(base, corner, sizes, strict=True)]
        share = torch.ones_like(weight[0])
        for up, part in zip(corner, weight, strict=True):
            share = share * (part if up else 1 - part)
        value = rows.index_select(0, _flat(near, sizes, 0).flatten()).float().mul_(share.flatten().unsqueeze(-1))
        total = value if total is None else total.add_(value)
    assert total is not None
    made = total.add_(1e-4).to(rows.dtype)  # four weights sum to 1 but for a rounding: a grey level must survive it
    return torch.where(outside.unsqueeze(-1), rows[-1], made)
