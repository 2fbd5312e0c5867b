"""Progressive resizing: smaller images at first, the whole size at the end (fastai's, Howard 2018; Composer's rule).

The scale is `start` until the share `delay` of the training, then rises linearly to 1, which it reaches `finetune`
before the end. Sizes are multiples of `multiple` pixels, and never above the whole. Defaults are Composer's.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def scale_at(progress: float, *, start: float, delay: float, finetune: float) -> float:
    """The scale after a share `progress` of the training, in [start, 1]."""
    rising = 1.0 - delay - finetune
    if progress >= 1.0 - finetune or rising <= 0.0:
        return 1.0 if progress >= 1.0 - finetune else start
    return start + (1.0 - start) * max(0.0, (progress - delay) / rising)


def resized(images: Tensor, scale: float, multiple: int) -> Tensor:
    """images (B, C, *S) float, interpolated with antialiasing where there is one to round(scale * S / m) * m pixels."""
    sizes = [min(s, max(multiple, round(scale * s / multiple) * multiple)) for s in images.shape[2:]]
    if sizes == list(images.shape[2:]):
        return images
    mode = MODES[len(sizes)]
    return F.interpolate(images, size=sizes, mode=mode, align_corners=False, antialias=mode == "bilinear")


class ProgressiveResizing:
    """Resizes a batch by where in the training its step stands.

    epochs: of the training, in which `at` counts. start, delay, finetune, multiple: see the module.
    """

    def __init__(
        self, epochs: float, *, start: float = 0.5, delay: float = 0.5, finetune: float = 0.2, multiple: int = 4
    ) -> None:
        self.epochs, self.multiple = epochs, multiple
        self.options = {"start": start, "delay": delay, "finetune": finetune}

    def __call__(self, images: Tensor, at: float) -> Tensor:
        """images (B, C, *S) float32 of a step that begins after `at` epochs."""
        return resized(images, scale_at(at / self.epochs, **self.options), self.multiple)
