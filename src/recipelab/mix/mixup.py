"""Mixup: convex combinations of pairs of samples.

Zhang, Cisse, Dauphin, Lopez-Paz 2018, mixup: beyond empirical risk minimization (arXiv 1710.09412):

    x = lambda x_i + (1 - lambda) x_j
    loss = lambda loss(y_i) + (1 - lambda) loss(y_j)
    lambda ~ Beta(alpha, alpha)

As in the authors' code, one lambda and one permutation a batch, j = permutation[i]; `per=sample` draws a lambda for
every sample. The paper uses alpha in [0.1, 0.4] on ImageNet (0.2 is the default here) and 1.0 on CIFAR. Interactions:
training metrics are weighted by lambda (`Target.blend`); label smoothing and class weights act on each loss before the
two are blended; under regression the targets themselves are blended.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recipelab.core.batch import Target
from recipelab.mix.pairs import Per, beta, duration, pair, permuted


def mixup(images: Tensor, permutation: Tensor, weight: Tensor) -> Tensor:
    """weight * images + (1 - weight) * images[permutation].

    images: (B, C, *S) float. permutation: (B,) int64. weight: 0-dim or (B,), of the images' type, in [0, 1]; all on
    one device. Returns (B, C, *S) in the memory order of `images`.
    """
    weight = weight.view(-1, *[1] * (images.ndim - 1)) if weight.ndim else weight
    return torch.lerp(permuted(images, permutation), images, weight)


class Mixup:
    """lambda ~ Beta(alpha, alpha), and one permutation of the batch.

    alpha: strength; small values leave most batches nearly unmixed, 1 is uniform. At least 0.01: below, the gamma
        variates that make up the draw underflow, and lambda would be 0.5 instead of 0 or 1.
    per: "batch", one lambda for all its samples, or "sample", one for each.
    off_after: a duration (150ep, 90%) after which nothing is mixed any more; the loop sees to it.
    """

    def __init__(self, *, alpha: Annotated[float, Ge(0.01)] = 0.2, per: Per = "batch", off_after: str | None = None):
        self.beta, self.per, self.off_after = beta(alpha), per, duration(off_after)

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Target]:
        """images (B, C, *S) float, labels (B,) int64 -> mixed images, and both labels with lambda (0-dim or (B,)).

        labels may be (B, ...) float targets of a regression.
        """
        shape = (len(labels),) if self.per == "sample" else ()
        weight = self.beta.sample(shape).to(images.dtype).to(images.device, non_blocking=True)
        permutation = torch.randperm(len(labels)).to(images.device, non_blocking=True)
        return mixup(images, permutation, weight), pair(labels, permutation, weight)
