"""Changes of size: resizing, centre and random crops, random resized crops, for images of two dimensions.

Conventions of torchvision: bilinear with antialiasing, `resize` fits the shorter edge, a crop is centred by rounding
half the difference. Random resized crop: Szegedy et al. 2014 (arXiv 1409.4842), with torchvision's ten attempts.
On the CPU an image is resized by the very kernel that torchvision calls, one image after the other where boxes differ
(about 0.1 ms for 32x32 to 32x32 in all, 0.5 ms to 224x224); a GPU multiplies by matrices of the same weights, whose
results are rounded and at most one grey level apart, because reading the boxes would mean to wait.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """images (B, C, H, W) uint8 or float to `size` (height, width), bilinear with antialiasing."""
    if tuple(images.shape[2:]) == size:
        return images
    if images.is_floating_point() or images.device.type == "cpu":
        return F.interpolate(images, size, mode="bilinear", antialias=True)
    made = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return made.round_().clamp_(0, 255).to(images.dtype)


def shorter_edge(image_size: tuple[int, ...], edge: int) -> tuple[int, int]:
    """The sizes of an image whose shorter edge becomes `edge`."""
    height, width = image_size
    return (edge, int(edge * width / height)) if height <= width else (int(edge * height / width), edge)


def center_crop(images: Tensor, edge: int) -> Tensor:
    """The middle square of images (B, C, H, W), which are at least that large."""
    top, left = (round((size - edge) / 2) for size in images.shape[2:])
    return images[:, :, top : top + edge, left : left + edge]


def cut(images: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """A cut of `size` out of each image (B, C, H, W) at its own corner (B, 2) int64 (top, left), all inside."""
    pixels = images.movedim(1, -1).contiguous()
    batch, height, width, channels = pixels.shape
    run = size[1] * channels
    row = torch.arange(batch, device=images.device) * height + corners[:, 0]
    rows = row.unsqueeze(-1) + torch.arange(size[0], device=images.device)
    start = (rows * width + corners[:, 1:]) * channels
    runs = pixels.as_strided((pixels.numel() - run + 1, run), (1, 1))
    return runs.index_select(0, start.flatten()).view(batch, *size, channels).movedim(-1, 1)


def resized_crop(images: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Each image's own box, resized to `size`: (B, C, *size) uint8 in channels-last memory order.

    images: (B, C, H, W) uint8. boxes: (B, 4) int64, top, left, height, width, inside the image.
    """
    if images.device.type != "cpu":
        return _by_matrices(images, boxes, size)
    made = torch.empty((len(images), *size, images.shape[1]), dtype=images.dtype).movedim(-1, 1)
    for image, target, (top, left, height, width) in zip(images, made, boxes.tolist(), strict=True):
        box = image[:, top : top + height, left : left + width].unsqueeze(0)
        target.copy_(resize(box, size)[0])
    return made


def _by_matrices(images: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The same with one matrix a sample and axis."""
    rows = resize_weights(boxes[:, 0], boxes[:, 2], images.shape[2], size[0])
    columns = resize_weights(boxes[:, 1], boxes[:, 3], images.shape[3], size[1])
    made = rows.unsqueeze(1) @ images.float() @ columns.unsqueeze(1).transpose(-1, -2)
    made = made.round_().clamp_(0, 255).to(images.dtype)
    return made.contiguous(memory_format=torch.channels_last)


def resize_weights(start: Tensor, length: Tensor, source: int, target: int) -> Tensor:
    """Weights (B, target, source) float32 of a triangle filter over start (B,) to start + length (B,) of an axis."""
    scale = (length.double() / target).view(-1, 1, 1)
    places = torch.arange(source, device=start.device).double()
    inside = (places >= start.view(-1, 1, 1)) & (places < (start + length).view(-1, 1, 1))
    center = start.view(-1, 1, 1) + (torch.arange(target, device=start.device).double().view(1, -1, 1) + 0.5) * scale
    weights = (1 - ((places + 0.5 - center) / scale.clamp(min=1)).abs()).clamp_(min=0) * inside
    return (weights / weights.sum(-1, keepdim=True)).float()


def crop_boxes(
    count: int,
    generator: torch.Generator,
    image_size: tuple[int, ...],
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """Boxes (count, 4) int64 of a share `area` of the image and aspect `ratio` (width over height).

    The first of ten draws that fits; the middle of the image, its aspect within `ratio`, where none did.
    """
    height, width = image_size
    uniform = torch.rand(4, count, 10, generator=generator, dtype=torch.float64)
    pixels = height * width * (area[0] + (area[1] - area[0]) * uniform[0])
    aspect = (math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * uniform[1]).exp()
    edges = torch.stack([(pixels / aspect).sqrt().round(), (pixels * aspect).sqrt().round()], -1).long()
    fits = (edges > 0).all(-1) & (edges[..., 0] <= height) & (edges[..., 1] <= width)
    rows, first = torch.arange(count), fits.long().argmax(1)
    edge = edges[rows, first]
    corner = (uniform[2:, rows, first].T * (torch.tensor([height, width]) - edge + 1)).long()
    return torch.where(fits.any(1, keepdim=True), torch.cat([corner, edge], -1), _middle(height, width, ratio))


def _middle(height: int, width: int, ratio: tuple[float, float]) -> Tensor:
    """The largest box in the middle whose aspect is within `ratio`: (4,) int64."""
    across, down = width, height
    if width / height < ratio[0]:
        down = round(width / ratio[0])
    elif width / height > ratio[1]:
        across = round(height * ratio[1])
    return torch.tensor([(height - down) // 2, (width - across) // 2, down, across])
