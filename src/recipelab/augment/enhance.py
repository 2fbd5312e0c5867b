"""Brightness, contrast, colour and sharpness: blends of an image with a degenerate of itself.

    out = degenerate + factor * (image - degenerate), truncated, within 0 to 255

as Pillow's ImageEnhance (so also torchvision on PIL images), to the bit: the degenerate is black for brightness, the
mean grey level for contrast, the grey image for colour, and the image smoothed with (1 1 1, 1 5 1, 1 1 1) / 13 for
sharpness, whose border pixels stay. Factor 1 is the identity. torchvision on tensors differs by a level at most where
its grey weights or its mean are not rounded.

Grey of three channels is ITU-R 601, (19595 R + 38470 G + 7471 B + 32768) >> 16; of any other number of channels their
mean, rounded, so that the operations are defined for them, too.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.augment.primitive import Primitive, Probability, Sampler, require_bytes, require_dims, uniform

Strength = Annotated[float, Ge(0)]


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """images (B, C, *S) uint8 times factor (B,) float32 >= 0."""
    require_bytes(images, "brightness")
    return _bytes(images.float().mul_(_wide(factor, images)))


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """images (B, C, *S) uint8 pulled to (factor < 1) or pushed from their mean grey level; factor (B,) float32 >= 0."""
    require_bytes(images, "contrast")
    grey = grey_levels(images)
    count = grey[0].numel()
    mean = torch.div(2 * grey.flatten(1).sum(1) + count, 2 * count, rounding_mode="floor")
    return _blend(images.float(), _wide(mean.float(), images), _wide(factor, images))


def color(images: Tensor, factor: Tensor) -> Tensor:
    """images (B, C, *S) uint8 towards grey (factor < 1) or away from it; factor (B,) float32 >= 0."""
    require_bytes(images, "color")
    return _blend(images.float(), _spread(grey_levels(images), images.shape[1]), _wide(factor, images))


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """images (B, C, H, W) uint8 smoothed (factor < 1) or sharpened; factor (B,) float32 >= 0."""
    require_bytes(images, "sharpness")
    return _blend(images.float(), _smooth(images), _wide(factor, images))


def grey_levels(images: Tensor) -> Tensor:
    """Grey levels (B, *S) int32 of images (B, C, *S) uint8."""
    channels = images.shape[1]
    if channels == 3:
        red, green, blue = images.unbind(1)
        return (red.int() * 19595).add_(green.int().mul_(38470)).add_(blue.int().mul_(7471)).add_(0x8000) >> 16
    total = images.sum(1, dtype=torch.int32)
    return total if channels == 1 else torch.div(2 * total + channels, 2 * channels, rounding_mode="floor")


def _spread(grey: Tensor, channels: int) -> Tensor:
    """grey (B, *S) for every channel: (B, C, *S) float32, channels last. A broadcast over three numbers is slower."""
    pixels = torch.arange(grey[0].numel(), device=grey.device).repeat_interleave(channels)
    spread = grey.flatten(1).float().index_select(1, pixels)
    return spread.view(*grey.shape, channels).movedim(-1, 1)


def _smooth(images: Tensor) -> Tensor:
    """The smoothed image in float32 whole numbers; border pixels as they are.

    (2 sum + 13) / 26 is never near a whole number, so float32 rounds as integers would.
    """
    smooth = images.float()
    if min(images.shape[2:]) < 3:
        return smooth
    wide = images.movedim(1, -1).contiguous().short()
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    total = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + wide[:, 1:-1, 1:-1] * 4
    inner = total.float().mul_(1 / 13).add_(0.5).floor_()
    smooth[:, :, 1:-1, 1:-1] = inner.movedim(-1, 1)
    return smooth


def _blend(images: Tensor, degenerate: Tensor, factor: Tensor) -> Tensor:
    """Multiplication and addition stay two operations: fused, the last bit would differ from Pillow's."""
    return _bytes(images.sub_(degenerate).mul_(factor).add_(degenerate))


def _bytes(values: Tensor) -> Tensor:
    return values.clamp_(0, 255).to(torch.uint8)


def _wide(values: Tensor, images: Tensor) -> Tensor:
    """(B,) to (B, 1, 1, ...) for images (B, C, *S)."""
    return values.view(-1, *[1] * (images.ndim - 1))


def _factor(strength: float) -> dict[str, Sampler]:
    """Uniform around 1, as torchvision's ColorJitter: [max(0, 1 - strength), 1 + strength]."""
    return {"factor": uniform(max(0.0, 1 - strength), 1 + strength)}


def random_brightness(*, strength: Strength = 0.4, p: Probability = 1.0) -> Primitive:
    """Factor in [max(0, 1 - strength), 1 + strength]; 0.4 as in ColorJitter of the usual ImageNet recipes."""
    return Primitive("brightness", brightness, _factor(strength), p)


def random_contrast(*, strength: Strength = 0.4, p: Probability = 1.0) -> Primitive:
    """As `random_brightness`."""
    return Primitive("contrast", contrast, _factor(strength), p)


def random_color(*, strength: Strength = 0.4, p: Probability = 1.0) -> Primitive:
    """As `random_brightness`; torchvision calls it saturation."""
    return Primitive("color", color, _factor(strength), p)


def random_sharpness(*, image_size: tuple[int, ...], strength: Strength = 0.4, p: Probability = 1.0) -> Primitive:
    """As `random_brightness`, for images of two dimensions."""
    require_dims(image_size, 2, "sharpness")
    return Primitive("sharpness", sharpness, _factor(strength), p)
