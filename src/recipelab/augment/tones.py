"""Operations on single grey levels: posterize, solarize, invert, autocontrast, equalize.

As Pillow's ImageOps (so also torchvision on PIL images), to the bit; torchvision on tensors computes autocontrast in
float32 where Pillow uses float64, and may differ by a level. Work in any number of dimensions and channels.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.augment.primitive import Primitive, Probability, constant, require_bytes


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """images (B, C, *S) uint8 with the highest `bits` (B,) of every level kept, 0 to 8."""
    require_bytes(images, "posterize")
    mask = (256 - 2 ** (8 - bits.int())).to(torch.uint8)
    return images & mask.view(-1, *[1] * (images.ndim - 1))


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """images (B, C, *S) uint8 with levels of at least `threshold` (B,), 0 to 256, inverted: 256 inverts none."""
    require_bytes(images, "solarize")
    # Bytes are compared with bytes: a wider threshold would convert every pixel.
    last = (threshold.ceil().int() - 1).view(-1, *[1] * (images.ndim - 1))
    above = (images > last.clamp(min=0).to(torch.uint8)) | (last < 0)
    return images ^ above.view(torch.uint8).neg()


def invert(images: Tensor) -> Tensor:
    """255 - images, (B, C, *S) uint8."""
    require_bytes(images, "invert")
    return images.bitwise_not()


def autocontrast(images: Tensor) -> Tensor:
    """Each channel of images (B, C, *S) uint8 stretched to 0 to 255; a constant channel stays."""
    require_bytes(images, "autocontrast")
    planes = images.contiguous().flatten(2)
    low, high = planes.amin(-1, keepdim=True).double(), planes.amax(-1, keepdim=True).double()
    scale = torch.full_like(high, 255) / (
        high - low
    )  # a number over a tensor is a product with its reciprocal in torch
    levels = torch.arange(256, dtype=torch.float64, device=images.device)
    table = (levels * scale + -low * scale).clamp_(0, 255).to(torch.uint8)  # (B, C, 256)
    return _look_up(images, torch.where(high > low, table, levels.to(torch.uint8)))


def equalize(images: Tensor) -> Tensor:
    """Each channel of images (B, C, *S) uint8 with its histogram made flat.

    level -> (step // 2 + pixels of lower levels) // step, step = (pixels - pixels of the highest level present) // 255;
    unchanged where step is 0.
    """
    require_bytes(images, "equalize")
    histogram = _histogram(images)  # (B, C, 256)
    levels = torch.arange(256, device=images.device)
    top = torch.where(histogram > 0, levels, 0).amax(-1, keepdim=True)
    step = (images[0, 0].numel() - histogram.gather(-1, top)) // 255
    below = histogram.cumsum(-1) - histogram
    table = ((step // 2 + below) // step.clamp(min=1)).clamp_(max=255)
    return _look_up(images, torch.where(step > 0, table, levels).to(torch.uint8))


def _histogram(images: Tensor) -> Tensor:
    """Pixels of each level: (B, C, 256) int64. Integers, so that no order of addition matters."""
    batch, channels = images.shape[:2]
    where = _entries(images).long()
    if images.device.type == "cpu":
        return torch.bincount(where, minlength=batch * channels * 256).view(batch, channels, 256)
    counts = torch.zeros(batch * channels * 256, dtype=torch.int64, device=images.device)
    return counts.scatter_add_(0, where, torch.ones_like(where)).view(batch, channels, 256)


def _entries(images: Tensor) -> Tensor:
    """The entry of a table (B, C, 256) that belongs to every number, flat, pixel by pixel: (B * pixels * C,) int32."""
    batch, channels = images.shape[:2]
    runs = images.movedim(1, -1).contiguous().view(batch, -1)
    steps = torch.arange(0, 256 * channels, 256, dtype=torch.int32, device=images.device)
    samples = torch.arange(batch, dtype=torch.int32, device=images.device) * (256 * channels)
    tile = steps.repeat(runs.shape[1] // channels)  # a broadcast over three channels would cost more than its copy
    return runs.int().add_(tile).add_(samples.unsqueeze(-1)).flatten()


def _look_up(images: Tensor, table: Tensor) -> Tensor:
    """images with every level replaced by what table (B, C, 256) uint8 has for it."""
    made = table.flatten().index_select(0, _entries(images))
    return made.view(len(images), *images.shape[2:], images.shape[1]).movedim(-1, 1)


def random_posterize(*, bits: Annotated[int, Ge(0), Le(8)] = 4, p: Probability = 0.5) -> Primitive:
    """Keep the highest `bits` of 8."""
    return Primitive("posterize", posterize, {"bits": constant(bits)}, p)


def random_solarize(*, threshold: Annotated[int, Ge(0), Le(256)] = 128, p: Probability = 0.5) -> Primitive:
    """Invert levels of at least `threshold`."""
    return Primitive("solarize", solarize, {"threshold": constant(threshold)}, p)


def random_invert(*, p: Probability = 0.5) -> Primitive:
    """Invert every level."""
    return Primitive("invert", invert, {}, p)


def random_autocontrast(*, p: Probability = 0.5) -> Primitive:
    """Stretch every channel."""
    return Primitive("autocontrast", autocontrast, {}, p)


def random_equalize(*, p: Probability = 0.5) -> Primitive:
    """Flatten every channel's histogram."""
    return Primitive("equalize", equalize, {}, p)
