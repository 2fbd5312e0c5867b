"""CutMix: a box of each image is replaced by the same box of another, labels are weighted by area.

Yun, Han, Oh, Chun, Choe, Yoo 2019 (arXiv 1905.04899): the box keeps the image's aspect, its area is 1 - lambda with
lambda ~ Beta(alpha, alpha), its centre is any pixel, and what reaches over the border is cut off; the label weight is
then 1 minus the share that was really replaced. alpha 1 is published, with probability 0.5 on CIFAR and 1 on ImageNet.
In D dimensions an edge is (1 - lambda)^(1/D) of the image's. Interactions: as those of `mixup`; a regression has no
target for a patched image but the blended one.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.core.batch import Target
from recipelab.mix.pairs import Per, beta, duration, pair, permuted


def cutmix(images: Tensor, permutation: Tensor, boxes: Tensor) -> Tensor:
    """images with boxes taken from images[permutation].

    images: (B, C, *S) float. permutation: (B,) int64 on their device. boxes: int64 [from, to): (D, 2) on the CPU, one
    for the whole batch, or (B, D, 2) on their device. Returns (B, C, *S) in the memory order of `images`.
    """
    if boxes.ndim == 2:
        inside = (slice(None), slice(None), *(slice(low, high) for low, high in boxes.tolist()))
        made = images.clone()
        made[inside] = images[inside].index_select(0, permutation)
        return made
    mask = torch.ones(len(images), *[1] * (images.ndim - 1), dtype=torch.bool, device=images.device)
    for axis, size in enumerate(images.shape[2:]):
        places = torch.arange(size, device=images.device)
        along = (places >= boxes[:, axis, :1]) & (places < boxes[:, axis, 1:])
        mask = mask & along.view(-1, 1, *[1] * axis, size, *[1] * (images.ndim - 3 - axis))
    return torch.where(mask, permuted(images, permutation), images)


def draw_boxes(weight: Tensor, size: torch.Size) -> Tensor:
    """Boxes (..., D, 2) int64 [from, to) of area 1 - weight (...) in images of `size`, clipped at the border.

    The centre is drawn from torch's default CPU generator.
    """
    sizes = torch.tensor(size)
    edge = ((1 - weight).clamp(min=0).unsqueeze(-1) ** (1 / len(size)) * sizes).long()
    center = (torch.rand(*weight.shape, len(size), dtype=torch.float64) * sizes).long()
    low, high = center - edge // 2, center + (edge + 1) // 2
    return torch.stack([low.clamp(min=0), torch.minimum(high, sizes)], -1)


def kept(boxes: Tensor, size: torch.Size) -> Tensor:
    """The share (...) of an image outside its box (..., D, 2), float32."""
    share = (boxes[..., 1] - boxes[..., 0]).double() / torch.tensor(size)
    return (1 - share.prod(-1)).float()


class CutMix:
    """lambda ~ Beta(alpha, alpha), a box of area 1 - lambda, and one permutation of the batch.

    alpha: strength, see `mixup`. probability: of mixing a batch at all. per: one box a batch, or one for each sample.
    off_after: a duration after which nothing is mixed any more; the loop sees to it.
    """

    def __init__(
        self,
        *,
        alpha: Annotated[float, Ge(0.01)] = 1.0,
        probability: Annotated[float, Ge(0), Le(1)] = 1.0,
        per: Per = "batch",
        off_after: str | None = None,
    ) -> None:
        self.beta, self.probability = beta(alpha), probability
        self.per, self.off_after = per, duration(off_after)

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Target]:
        """images (B, C, *S) float, labels (B,) int64 -> patched images, and both labels with lambda (0-dim or (B,)).

        labels may be (B, ...) float targets of a regression.
        """
        if bool(torch.rand(()) >= self.probability):  # on the CPU: nothing waits
            return images, Target(labels)
        boxes = draw_boxes(self.beta.sample((len(labels),) if self.per == "sample" else ()), images.shape[2:])
        weight = kept(boxes, images.shape[2:]).to(images.device, non_blocking=True)
        permutation = torch.randperm(len(labels)).to(images.device, non_blocking=True)
        boxes = boxes.to(images.device, non_blocking=True) if self.per == "sample" else boxes
        return cutmix(images, permutation, boxes), pair(labels, permutation, weight)
