"""Test-time augmentation: a model that looks at several versions of every image and averages what it makes of them.

`flip`: the image and its mirror image. `flip_translate`: those two, of the image and of it shifted by one pixel up-left
and down-right (reflected at the border), the unshifted counting half, as airbench evaluates (Jordan 2024, arXiv
2404.00498). `five_crop`, `ten_crop`: corners and middle of 7/8 of each edge, and their mirror images (Krizhevsky et al.
2012: 224 of 256), enlarged to the size that the network was built for. `multi_scale`: the image at 7/8, 1 and 9/8 of
its size, and mirrored; for networks that take any size.

The averages are of probabilities: the result is their logarithm, to be used as logits, so that accuracy, negative
log-likelihood and calibration are those of the averaged prediction. For a regression, outputs are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.core.errors import UserError, did_you_mean

Views = Iterator[tuple[float, Tensor]]
CROP, SCALES = 7 / 8, (7 / 8, 1.0, 9 / 8)


def flip(images: Tensor) -> Views:
    """images (B, C, *S) and their mirror images along the last axis, each with its weight; as all of these."""
    yield 0.5, images
    yield 0.5, images.flip(-1)


def flip_translate(images: Tensor) -> Views:
    """Six views: plain and mirrored, in place (half of the weight) and shifted by a pixel both ways on every axis."""
    dims = images.ndim - 2
    padded = F.pad(images, (1, 1) * dims, mode="reflect")
    for shift in (0, 1, 2):
        moved = padded[(slice(None), slice(None), *(slice(shift, shift + size) for size in images.shape[2:]))]
        for weight, view in flip(moved):
            yield weight * (0.5 if shift == 1 else 0.25), view


def five_crop(images: Tensor) -> Views:
    """Four corners and the middle of images (B, C, H, W), enlarged to H, W."""
    height, width = images.shape[2:]
    tall, wide = max(1, round(height * CROP)), max(1, round(width * CROP))
    down, right = height - tall, width - wide
    for top, left in ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)):
        cut = images[:, :, top : top + tall, left : left + wide]
        yield 0.2, F.interpolate(cut, (height, width), mode="bilinear", antialias=True)


def ten_crop(images: Tensor) -> Views:
    """`five_crop` and the mirror images."""
    for weight, view in five_crop(images):
        for half, mirrored in flip(view):
            yield weight * half, mirrored


def multi_scale(images: Tensor) -> Views:
    """images (B, C, H, W) at three sizes, each also mirrored."""
    for scale in SCALES:
        size = [max(1, round(edge * scale)) for edge in images.shape[2:]]
        view = images if scale == 1 else F.interpolate(images, size, mode="bilinear", antialias=True)
        for half, mirrored in flip(view):
            yield half / len(SCALES), mirrored


VIEWS: dict[str, Callable[[Tensor], Views]] = {
    "flip": flip,
    "flip_translate": flip_translate,
    "five_crop": five_crop,
    "ten_crop": ten_crop,
    "multi_scale": multi_scale,
}


class AveragedOverViews(nn.Module):
    """A model averaged over views of its input.

    model: (B, C, *S) to (B, K) logits, or to (B, T) outputs when `regression`. tta: which views.
    Raises UserError for a name that is none.
    """

    def __init__(self, model: nn.Module, tta: str, *, regression: bool = False) -> None:
        super().__init__()
        if tta not in VIEWS:
            raise UserError(f"tta={tta}: there is no such{did_you_mean(tta, VIEWS)}\n  choices: {', '.join(VIEWS)}")
        self.model, self.views, self.regression = model, VIEWS[tta], regression
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        """images (B, C, *S) -> (B, K) float32 log-probabilities, or (B, T) float32 outputs."""
        total: Tensor | None = None
        for weight, view in self.views(images):
            output = self.model(view.contiguous(memory_format=_order(images))).float()
            part = weight * (output if self.regression else output.softmax(-1))
            total = part if total is None else total + part
        assert total is not None
        return total if self.regression else total.clamp(min=torch.finfo(total.dtype).tiny).log()


def _order(images: Tensor) -> torch.memory_format:
    """Channels last when the images are: a view must not change how the network computes."""
    last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
