"""Images brought to the size that a model expects: the shorter side resized, then the centre cropped, whole batches.

The usual preprocessing of pretrained networks (Krizhevsky, Sutskever, Hinton 2012, section 4), by torchvision's resize
with antialiasing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from recipelab.core.errors import UserError

Interpolation = Literal["bilinear", "bicubic"]


def resize_crop(images: Tensor, resize: int, size: tuple[int, int], interpolation: Interpolation) -> Tensor:
    """images (B, C, H, W) uint8 -> (B, C, *size) uint8: the shorter side to `resize` pixels, then the centre."""
    resized = F.resize(images, [resize], InterpolationMode(interpolation), antialias=True)
    cropped: Tensor = F.center_crop(resized, list(size))
    return cropped


class Resized:
    """`resize_crop` before `normalize`: (B, C, H, W) uint8 -> (B, C, *size) float32.

    resize: pixels of the shorter side; None: as many as the crop needs.

    Raises UserError when the crop is larger than what is resized.
    """

    def __init__(
        self,
        normalize: Callable[[Tensor], Tensor],
        *,
        size: tuple[int, ...],
        resize: int | None = None,
        interpolation: Interpolation = "bilinear",
    ) -> None:
        if resize is not None and resize < max(size):
            raise UserError(
                f"data.resize_size={resize} is smaller than the {max(size)} pixels that are cropped from it"
            )
        self.normalize, self.interpolation = normalize, interpolation
        self.size, self.resize = (size[0], size[1]), resize or max(size)

    def __call__(self, images: Tensor) -> Tensor:
        """See the class."""
        return self.normalize(resize_crop(images, self.resize, self.size, self.interpolation))
