"""Random crop from the padded image, then a mirror image: the baseline augmentation of CIFAR, for a whole batch.

He et al. 2015, Deep residual learning for image recognition (arXiv 1512.03385), section 4.2, after Krizhevsky et al.
2012: pad every side, cut out the original size at a random place, mirror half of the images. The same pixels as
torchvision's `RandomCrop(size, padding=...)` followed by `RandomHorizontalFlip`.

How: a crop only moves rows, so every output row is one run of bytes in a buffer that holds the rows of the batch,
padded on the left and right, plain and mirrored. One `index_select` over overlapping runs copies them all, whatever
the number of dimensions: 8 us for 128 images of 32x32x3 on two cores, where mirroring (80 us for all 128) is what
costs. So the CPU mirrors only the images that ask for it; a GPU mirrors all, as counting them would mean to wait.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recipelab.augment.primitive import Level
from recipelab.core.errors import UserError

PaddingMode = Literal["zeros", "reflect"] | Level
"""What the padding shows: black, the image mirrored at its border, or a grey level."""


def pad_crop_flip(
    images: Tensor, offsets: Tensor, flip: Tensor, *, padding: int, padding_mode: PaddingMode = "zeros"
) -> Tensor:
    """Cut each image out of its padded self, then mirror it along the last spatial dimension where `flip`.

    images: (B, C, *S), any type; fastest uint8 in channels-last memory order.
    offsets: (B, D) int64 in [0, 2 * padding]: where the cut begins in the padded image; `padding` is the middle.
    flip: (B,) bool.
    padding: pixels added to both ends of every spatial dimension.
    padding_mode: "zeros" (black), "reflect" (mirrored at the border, the border pixel not repeated), or a grey level.

    Returns (B, C, *S) of their type in channels-last memory order. Raises UserError when "reflect" is asked for more
    pixels than the image has to show.
    """
    *sizes, width = images.shape[2:]
    check_padding(padding, padding_mode, (*sizes, width))
    pixels = images.movedim(1, -1).contiguous()
    mirror = _mirror_chosen if pixels.device.type == "cpu" else _mirror_all
    mirrored, place = mirror(pixels, flip)
    buffer = _padded_rows(pixels, mirrored, padding, padding_mode)
    row, inside = _source_rows(place, offsets[:, :-1] - padding, sizes, padding_mode)
    if inside is not None:
        row = torch.where(inside, row, len(buffer) - 1)
    left = torch.where(flip, 2 * padding - offsets[:, -1], offsets[:, -1])
    start = row * buffer.shape[1] + left.view(-1, *[1] * len(sizes)) * images.shape[1]
    run = width * images.shape[1]
    runs = buffer.as_strided((buffer.numel() - run + 1, run), (1, 1))
    return runs.index_select(0, start.flatten()).view(pixels.shape).movedim(-1, 1)


def check_padding(padding: int, padding_mode: PaddingMode, image_size: tuple[int, ...]) -> None:
    """Raise UserError when an image of this size cannot be padded so."""
    if padding_mode == "reflect" and padding >= min(image_size):
        size = "x".join(map(str, image_size))
        raise UserError(
            f"augment.padding={padding} with augment.padding_mode=reflect: images of {size} can be reflected by"
            f" {min(image_size) - 1} pixels at most; lower augment.padding, or set augment.padding_mode=zeros"
        )


def _mirror_all(pixels: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
    """Mirrored images (B, *S, C), and where each sample's source (B,) is among the plain ones followed by these."""
    return pixels.flip(-2), torch.arange(len(pixels), device=pixels.device) + len(pixels) * flip


def _mirror_chosen(pixels: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
    """As `_mirror_all`, with only those mirrored (M, *S, C) that `flip` asks for."""
    chosen = flip.nonzero()[:, 0]
    place = torch.arange(len(pixels)).index_copy(0, chosen, torch.arange(len(chosen)) + len(pixels))
    return pixels.index_select(0, chosen).flip(-2), place


def _source_rows(
    place: Tensor, shift: Tensor, sizes: list[int], padding_mode: PaddingMode
) -> tuple[Tensor, Tensor | None]:
    """Which row of pixels each output row shows, and whether there is such a row (None: there always is).

    place: (B,) the source image. shift: (B, D-1) how far the cut is moved along each of `sizes`. Returns (B, *sizes).
    """
    row, inside = place, None
    for dim, size in enumerate(sizes):
        position = torch.arange(size, device=place.device) + shift[:, dim, None]
        if padding_mode == "reflect":
            position = (size - 1) - ((size - 1) - position.abs()).abs()
        else:
            valid = ((position >= 0) & (position < size)).view(-1, *[1] * dim, size)
            inside = valid if inside is None else inside.unsqueeze(-1) & valid
        row = row.unsqueeze(-1) * size + position.view(-1, *[1] * dim, size)
    return row, inside


def _padded_rows(pixels: Tensor, mirrored: Tensor, padding: int, padding_mode: PaddingMode) -> Tensor:
    """Every row of pixels, then of mirrored, padded left and right, then one of padding: (rows + 1, row)."""
    *_, width, channels = pixels.shape
    plain_rows, mirrored_rows = (images.reshape(-1, width * channels) for images in (pixels, mirrored))
    total, edge = len(plain_rows) + len(mirrored_rows), padding * channels
    level = padding_mode if isinstance(padding_mode, int) else 0
    buffer = pixels.new_full((total + 1, width * channels + 2 * edge), level)
    buffer[: len(plain_rows), edge : edge + width * channels] = plain_rows
    buffer[len(plain_rows) : total, edge : edge + width * channels] = mirrored_rows
    if padding_mode == "reflect" and padding:
        row = buffer.view(total + 1, width + 2 * padding, channels)
        row[:, :padding] = row[:, padding + 1 : 2 * padding + 1].flip(1)
        row[:, -padding:] = row[:, -2 * padding - 1 : -padding - 1].flip(1)
    return buffer
