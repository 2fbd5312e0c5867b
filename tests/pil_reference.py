"""torchvision's functional on PIL images, one at a time: the slow reference of batched augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def random_images(count: int = 32, size: tuple[int, ...] = (32, 24), channels: int = 3, seed: int = 0) -> Tensor:
    """(count, channels, *size) uint8 in channels-last memory order: half noise, half of few and smooth levels."""
    rng = torch.Generator().manual_seed(seed)
    stored = torch.randint(0, 256, (count, *size, channels), generator=rng, dtype=torch.uint8)
    stored[count // 2 :] = stored[count // 2 :] // 6 + 40
    return stored.movedim(-1, 1)


def one_by_one(images: Tensor, operation: Callable[[Image.Image, int], Image.Image]) -> Tensor:
    """operation(image, index) on each image (B, C, H, W), C 1 or 3, as a PIL image."""
    made = []
    for index, image in enumerate(images):
        pixels = image.movedim(0, -1)
        stored = Image.fromarray(pixels.numpy() if len(image) == 3 else pixels[..., 0].numpy())
        made.append(torch.from_numpy(np.array(operation(stored, index))).view(*pixels.shape).movedim(-1, 0))
    return torch.stack(made)


def furthest(images: Tensor, others: Tensor) -> int:
    """The largest difference in grey levels."""
    return int((images.int() - others.int()).abs().max())
