"""RMSprop: the gradient divided by the root of the average of its square (Tieleman and Hinton 2012, lecture 6.5).

Two variants. `rmsprop` is torch's: v starts at 0, w = w - lr * g / (sqrt(v) + eps). `rmsprop_tf` is TensorFlow's, in
timm's version: v starts at 1, w = w - lr * g / sqrt(v + eps), the learning rate inside the momentum; EfficientNet and
MobileNet were trained with it, and with v from 0 their first steps are many times larger.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.optim.rmsprop_tf import RMSpropTF

from recipelab.optim.fused import device_type
from recipelab.optim.options import Decay, NotNegative, Params


def rmsprop(
    params: Params,
    *,
    lr: NotNegative = 0.01,
    alpha: Decay = 0.99,
    eps: NotNegative = 1e-8,
    momentum: Decay = 0.0,
    centered: bool = False,
    weight_decay: NotNegative = 0.0,
) -> torch.optim.RMSprop:
    """torch's RMSprop over `params`; defaults are torch's.

    lr: base learning rate, which the schedule multiplies. alpha: decay of the average of squares.
    centered: divide by the deviation instead (Graves 2013, arXiv 1308.0850). weight_decay: coupled.

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    return torch.optim.RMSprop(
        entries, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=centered, weight_decay=weight_decay
    )


def rmsprop_tf(
    params: Params,
    *,
    lr: NotNegative = 0.01,
    alpha: Decay = 0.9,
    eps: NotNegative = 1e-10,
    momentum: Decay = 0.9,
    centered: bool = False,
    weight_decay: NotNegative = 0.0,
) -> torch.optim.Optimizer:
    """timm's RMSpropTF over `params`; alpha and eps are TensorFlow's, momentum EfficientNet's (arXiv 1905.11946).

    Options as in `rmsprop`. Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    optimizer: torch.optim.Optimizer = RMSpropTF(
        entries, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=centered, weight_decay=weight_decay
    )
    return optimizer
