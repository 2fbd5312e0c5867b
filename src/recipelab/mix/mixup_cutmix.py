"""Mixup or CutMix, one of the two by a coin for every batch.

As timm's `Mixup` with both alphas: `switch` is the probability of CutMix, 0.5 there. The alphas are this library's for
mixup (0.2) and the published one for CutMix (1.0). See `mixup` and `cutmix`.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.core.batch import Target
from recipelab.mix.cutmix import CutMix
from recipelab.mix.mixup import Mixup
from recipelab.mix.pairs import Per, duration


class MixupCutMix:
    """Each batch is mixed by CutMix with probability `switch`, else by mixup.

    mixup_alpha, cutmix_alpha: strengths. probability: of mixing a batch at all. per: one lambda a batch, or one for
    each sample. off_after: a duration (150ep, 90%) after which nothing is mixed any more; the loop sees to it.
    """

    def __init__(
        self,
        *,
        mixup_alpha: Annotated[float, Ge(0.01)] = 0.2,
        cutmix_alpha: Annotated[float, Ge(0.01)] = 1.0,
        switch: Annotated[float, Ge(0), Le(1)] = 0.5,
        probability: Annotated[float, Ge(0), Le(1)] = 1.0,
        per: Per = "batch",
        off_after: str | None = None,
    ) -> None:
        self.mixup, self.cutmix = Mixup(alpha=mixup_alpha, per=per), CutMix(alpha=cutmix_alpha, per=per)
        self.switch, self.probability, self.off_after = switch, probability, duration(off_after)

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Target]:
        """images (B, C, *S) float, labels (B,) int64 (or (B, ...) float) -> mixed images and their Target."""
        if self.probability == 0:  # as no mix at all: nothing is drawn
            return images, Target(labels)
        mixed, cut = torch.rand(2).tolist()
        if mixed >= self.probability:
            return images, Target(labels)
        result: tuple[Tensor, Target] = (self.cutmix if cut < self.switch else self.mixup)(images, labels)
        return result
