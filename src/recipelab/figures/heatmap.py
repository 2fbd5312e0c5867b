"""A map laid over the image that it is of."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

SIDE = 112  # pixels that a small image is enlarged to, at least


def overlay(image: NDArray[np.uint8], heat: NDArray[np.float32], strength: float = 0.5) -> NDArray[np.uint8]:
    """(H', W', 3): the image (H, W, C) enlarged by a whole factor, the map (h, w) in [0, 1] bilinearly, in colours that
    grow lighter (inferno) and as opaque as `strength` says."""
    factor = max(1, -(-SIDE // max(image.shape[:2])))
    large = image.repeat(factor, 0).repeat(factor, 1)
    colour = np.broadcast_to(large, (*large.shape[:2], 3)).astype(np.float32)
    size = (large.shape[1], large.shape[0])
    smooth = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
    hot = 255 * colormaps["inferno"](smooth.clip(0, 1))[..., :3]
    laid: NDArray[np.uint8] = np.rint((1 - strength) * colour + strength * hot).clip(0, 255).astype(np.uint8)
    return laid
