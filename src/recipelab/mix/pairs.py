"""What every mixing of pairs needs: the draw of lambda, the partners, their targets."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recipelab.core.batch import Target
from recipelab.core.durations import parse

Per = Literal["batch", "sample"]


def beta(alpha: float) -> torch.distributions.Beta:
    """Beta(alpha, alpha) in float64, which draws from torch's default CPU generator."""
    concentration = torch.tensor(alpha, dtype=torch.float64)
    return torch.distributions.Beta(concentration, concentration)


def duration(off_after: str | None) -> str | None:
    """`off_after`, when it is a duration or None. Raises UserError."""
    if off_after is not None:
        parse(off_after, "mix.off_after")
    return off_after


def permuted(images: Tensor, permutation: Tensor) -> Tensor:
    """images[permutation] in the memory order of `images`.

    index_select keeps the memory order only when told where to write; indexing keeps it but takes three times longer.
    """
    return torch.index_select(images, 0, permutation, out=torch.empty_like(images))


def pair(labels: Tensor, permutation: Tensor, weight: Tensor) -> Target:
    """Both labels with their weight; for float targets (B, ...) of a regression the blended targets, which are one.

    weight: lambda, 0-dim or (B,).
    """
    partners = labels[permutation]
    if not labels.is_floating_point():
        return Target(labels, partners, weight)
    wide = weight.to(labels.dtype)
    return Target(torch.lerp(partners, labels, wide.view(-1, *[1] * (labels.ndim - 1)) if wide.ndim else wide))
