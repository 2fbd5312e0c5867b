"""Several models as one: the mean of their logits, or of their probabilities.

Mean of probabilities: the usual deep ensemble (Lakshminarayanan et al. 2017, https://arxiv.org/abs/1612.01474, section
2.4). Mean of logits: the normalised geometric mean of the probabilities; the sum of logits chooses the same classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["logits", "probabilities"]


def combine(members: Sequence[Tensor], kind: Kind) -> Tensor:
    """The ensemble's outputs (N, K) float32 from one (N, K) tensor of outputs a member, at least one.

    logits: their mean. probabilities: the logarithm of the mean of the members' softmax, which are logits of just
    those probabilities, so that every metric of logits is right for them.
    """
    stack = torch.stack(list(members)).float()
    if kind == "logits":
        return stack.mean(0)
    return torch.logsumexp(stack.log_softmax(-1), 0) - math.log(len(members))
