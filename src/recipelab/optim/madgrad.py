"""MADGRAD: momentumised, adaptive, dual averaged gradient (Defazio and Jelassi 2021, arXiv 2101.11075).

With l = lr * sqrt(k + 1): s = s + l g; v = v + l g^2; z = w_0 - s / (cbrt(v) + eps); w = m w + (1 - m) z. timm's
MADGRAD; the paper's defaults. It wants less weight decay than SGD, often none (the authors' note). eps is also added
to the learning rate.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Gt
from timm.optim.madgrad import MADGRAD

from recipelab.optim.fused import device_type
from recipelab.optim.options import Decay, NotNegative, Params


def madgrad(
    params: Params,
    *,
    lr: Annotated[float, Gt(0)] = 0.01,
    momentum: Decay = 0.9,
    eps: NotNegative = 1e-6,
    weight_decay: NotNegative = 0.0,
    decoupled_decay: bool = False,
) -> torch.optim.Optimizer:
    """timm's MADGRAD over `params`.

    lr: base learning rate, which the schedule multiplies.
    weight_decay: part of the gradient, or, with `decoupled_decay`, lr * decay of the weight, as AdamW's.

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    optimizer: torch.optim.Optimizer = MADGRAD(
        entries, lr=lr, momentum=momentum, eps=eps, weight_decay=weight_decay, decoupled_decay=decoupled_decay
    )
    return optimizer
