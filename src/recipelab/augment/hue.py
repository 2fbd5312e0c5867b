"""Hue and grey: operations on the three channels of a colour image together.

Hue: the angle in HSV space moved by a share of the circle, as torchvision's `adjust_hue` on tensors; at most one grey
level apart, because the way through float32 is shorter here. A shift of 0 is the identity.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.augment.enhance import grey_levels
from recipelab.augment.primitive import Primitive, Probability, require_bytes, uniform
from recipelab.core.errors import UserError


def hue(images: Tensor, shift: Tensor) -> Tensor:
    """images (B, 3, *S) uint8 with their hue moved by shift (B,) float32 in [-0.5, 0.5] of the circle."""
    require_bytes(images, "hue")
    values = images.float()
    high, low = values.amax(1), values.amin(1)
    spread = high - low
    red, green, blue = values.unbind(1)
    safe = spread.clamp(min=1)
    angle = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    angle = angle + 6 * shift.view(-1, *[1] * (images.ndim - 2))
    # Each channel is high less spread times a trapezium of the angle, its top a third of the circle further on.
    channels = []
    for offset in (5, 3, 1):
        place = (angle + offset).remainder(6)
        channels.append(high - spread * torch.minimum(place, 4 - place).clamp(0, 1))
    made = torch.stack(channels, 1).add_(0.5).to(torch.uint8)
    return torch.where((shift == 0).view(-1, *[1] * (images.ndim - 1)), images, made)


def grayscale(images: Tensor) -> Tensor:
    """Every channel of images (B, C, *S) uint8 replaced by the grey level (`enhance.grey_levels`)."""
    require_bytes(images, "grayscale")
    return grey_levels(images).to(torch.uint8).unsqueeze(1).expand_as(images).contiguous(memory_format=_memory(images))


def _memory(images: Tensor) -> torch.memory_format:
    return torch.channels_last if images.ndim == 4 else torch.contiguous_format


def random_hue(
    *, input_channels: int, strength: Annotated[float, Ge(0), Le(0.5)] = 0.1, p: Probability = 1.0
) -> Primitive:
    """A shift of up to `strength` of the circle either way. Raises UserError for images that are not RGB."""
    if input_channels != 3:
        raise UserError(f"augment: hue takes images of 3 channels, and these have {input_channels}")
    return Primitive("hue", hue, {"shift": uniform(-strength, strength)}, p)


def random_grayscale(*, p: Probability = 0.1) -> Primitive:
    """Grey with probability `p`; torchvision's default. Images of one channel stay as they are."""
    return Primitive("grayscale", grayscale, {}, p)
