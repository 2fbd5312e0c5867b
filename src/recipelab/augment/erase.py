"""Cutout and random erasing: boxes of every image replaced by a colour or by noise, in any number of dimensions.

Cutout: DeVries, Taylor 2017 (arXiv 1708.04552): a square whose centre is any pixel, clipped at the border; published
sizes are 16 for CIFAR-10, 8 for CIFAR-100, 20 for SVHN. They erase after normalisation, with 0: the data's mean, which
is the default here. Random erasing: Zhong et al. 2017 (arXiv 1708.04896) as in torchvision's `RandomErasing`, whose
defaults these are: area and aspect ratio are drawn up to ten times until the box fits, else nothing is erased.
Interactions: after everything else that moves pixels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from recipelab.augment.noise import hashed
from recipelab.augment.primitive import Level, Primitive, Probability, fill_levels, require_dims

Fill = Level | list[Level] | Literal["mean"]
ATTEMPTS = 10


def erase(images: Tensor, boxes: Tensor, fill: Tensor) -> Tensor:
    """images (B, C, *S) of any type with boxes (B, holes, D, 2) int64 [from, to) replaced.

    fill: (C,) for one colour, or (B, *S, C); of the images' type. Boxes may reach beyond the image; empty ones erase
    nothing. Returns channels-last memory order.
    """
    pixels = images.movedim(1, -1).contiguous()
    *sizes, width = pixels.shape[1:-1]
    channels = pixels.shape[-1]
    hidden = None
    for box in boxes.unbind(1):
        # Channels are part of the last axis: the mask then lies as the pixels do, and a comparison is one long run.
        inside = _within(width, box[:, -1], box.device).repeat_interleave(channels, -1)
        for axis, size in reversed(list(enumerate(sizes))):
            row = _within(size, box[:, axis], box.device)
            inside = row.view(*row.shape, *[1] * (inside.ndim - 1)) & inside.unsqueeze(1)
        hidden = inside if hidden is None else hidden | inside
    if hidden is None:
        return images
    runs = pixels.view(len(pixels), *sizes, width * channels)
    color = fill.repeat(width) if fill.ndim == 1 else fill.reshape(runs.shape)
    return torch.where(hidden, color, runs).view(pixels.shape).movedim(-1, 1)


def _within(size: int, limits: Tensor, device: torch.device) -> Tensor:
    """Which of `size` places lie in [from, to): (B, size) bool. limits: (B, 2)."""
    places = torch.arange(size, device=device)
    return (places >= limits[:, :1]) & (places < limits[:, 1:])


def square_boxes(centers: Tensor, size: Tensor | int) -> Tensor:
    """Boxes (B, holes, D, 2) of edge `size` whose pixel size // 2 is at centers (B, holes, D), as published."""
    low = centers - size // 2
    return torch.stack([low, low + size], -1)


def cutout(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    size: Annotated[int, Ge(0)] = 16,
    holes: Annotated[int, Ge(0)] = 1,
    fill: Fill = "mean",
    p: Probability = 1.0,
) -> Primitive:
    """Square holes of `size` pixels at random centres. fill: a grey level, one a channel, or the data's mean."""
    color = torch.tensor(fill_levels(fill, mean, input_channels))
    sizes = torch.tensor(image_size)

    def centers(count: int, generator: torch.Generator) -> Tensor:
        return (torch.rand(count, holes, len(image_size), generator=generator) * sizes).long()

    def apply(images: Tensor, where: Tensor) -> Tensor:
        return erase(images, square_boxes(where, size), _on(color, images)) if size else images

    return Primitive(f"cutout {size}", apply, {"centers": centers}, p if size and holes else 0.0)


def random_erasing(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    p: Probability = 0.5,
    area: tuple[Annotated[float, Ge(0), Le(1)], Annotated[float, Ge(0), Le(1)]] = (0.02, 0.33),
    ratio: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.3, 3.3),
    fill: Fill | Literal["noise"] = "mean",
) -> Primitive:
    """A box of a share `area` of the image and aspect `ratio` (height over width), erased with probability `p`.

    fill: a grey level, one a channel, the data's mean (0 after normalisation, torchvision's value), or uniform noise.
    """
    require_dims(image_size, 2, "random_erasing")
    color = None if fill == "noise" else torch.tensor(fill_levels(fill, mean, input_channels))

    def boxes(count: int, generator: torch.Generator) -> Tensor:
        return erasing_boxes(count, generator, image_size, area, ratio)

    def apply(images: Tensor, box: Tensor, seed: Tensor) -> Tensor:
        return erase(images, box, _on(color, images) if color is not None else _uniform(images, seed))

    samplers = {"boxes": boxes, "seed": lambda count, generator: torch.randint(2**31, (count,), generator=generator)}
    return Primitive("erase", apply, samplers, p)


def erasing_boxes(
    count: int,
    generator: torch.Generator,
    size: tuple[int, ...],
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """(count, 1, 2, 2) int64 boxes [from, to); empty where none of ten attempts was smaller than the image."""
    height, width = size
    uniform = torch.rand(4, count, ATTEMPTS, generator=generator, dtype=torch.float64)
    pixels = height * width * (area[0] + (area[1] - area[0]) * uniform[0])
    aspect = (math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * uniform[1]).exp()
    edges = torch.stack([(pixels * aspect).sqrt().round(), (pixels / aspect).sqrt().round()], -1).long()
    fits = (edges[..., 0] < height) & (edges[..., 1] < width)
    first = fits.long().argmax(1)  # the first attempt that fits
    rows = torch.arange(count)
    edge = edges[rows, first] * fits.any(1, keepdim=True)
    free = torch.tensor(size) - edge + 1
    corner = (uniform[2:, rows, first].T * free).long()
    return torch.stack([corner, corner + edge], -1).unsqueeze(1)


def _uniform(images: Tensor, seed: Tensor) -> Tensor:
    """Uniform grey levels (B, *S, C), a hash of the sample's seed."""
    pixels = images.movedim(1, -1)
    return (hashed(seed, pixels[0].numel()) & 255).to(images.dtype).view(pixels.shape)


def _on(color: Tensor, images: Tensor) -> Tensor:
    return color.to(images.dtype).to(images.device, non_blocking=True)
