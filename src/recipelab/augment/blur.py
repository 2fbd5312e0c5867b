"""Gaussian blur with a width of its own for every sample.

As torchvision's `gaussian_blur`: a normalised kernel of `kernel` taps along each axis, the image reflected at its
border, the result rounded; at most one grey level apart. Any number of dimensions. sigma 0 is the identity.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from recipelab.augment.primitive import Primitive, Probability, require_bytes, uniform
from recipelab.core.errors import UserError


def gaussian_blur(images: Tensor, sigma: Tensor, *, kernel: int) -> Tensor:
    """images (B, C, *S) uint8 blurred by sigma (B,) float32 >= 0, in pixels. kernel: odd, taps along each axis."""
    require_bytes(images, "gaussian_blur")
    radius = kernel // 2
    taps = torch.arange(-radius, radius + 1, device=images.device).float()
    weights = torch.softmax(-0.5 * (taps / sigma.clamp(min=1e-3).unsqueeze(-1)) ** 2, -1)  # (B, kernel)
    values = images.float()
    for axis in range(2, images.ndim):
        size = images.shape[axis]
        places = torch.arange(-radius, size + radius, device=images.device)
        mirrored = (size - 1) - ((size - 1) - places.abs()).abs()
        wide = values.index_select(axis, mirrored)
        values = torch.zeros_like(values)
        for tap, weight in enumerate(weights.unbind(-1)):
            values.addcmul_(wide.narrow(axis, tap, size), weight.view(-1, *[1] * (images.ndim - 1)))
    return values.round_().clamp_(0, 255).to(torch.uint8)


def random_blur(
    *,
    image_size: tuple[int, ...],
    kernel: Annotated[int, Ge(1)] = 5,
    sigma: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.1, 2.0),
    p: Probability = 0.5,
) -> Primitive:
    """A blur of a width between the two of `sigma`, in pixels; torchvision's default range.

    Raises UserError when the kernel is even, or reaches over more than the image has to reflect.
    """
    if kernel % 2 == 0:
        raise UserError(f"augment: kernel={kernel} of gaussian_blur must be odd; give {kernel + 1}")
    if kernel // 2 >= min(image_size):
        raise UserError(f"augment: kernel={kernel} of gaussian_blur is too wide for images of {min(image_size)} pixels")
    return Primitive(
        "blur", lambda images, width: gaussian_blur(images, width, kernel=kernel), {"sigma": uniform(*sigma)}, p
    )
