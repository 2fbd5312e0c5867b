"""LAMB: Adam's step, scaled for every tensor to the norm of its weights (You et al. 2019, arXiv 1904.00962).

r = m' / (sqrt(v') + eps) + decay * w with Adam's m', v'; w = w - lr * norm(w) / norm(r) * r. timm's Lamb, without its
own clipping (trainer.gradient_clip clips). As there, tensors without weight decay take Adam's step unscaled unless
always_adapt says else. Defaults: the paper's.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.optim.lamb import Lamb

from recipelab.optim.fused import device_type
from recipelab.optim.options import Betas, NotNegative, Params


def lamb(
    params: Params,
    *,
    lr: NotNegative = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-6,
    weight_decay: NotNegative = 0.01,
    trust_clip: bool = False,
    always_adapt: bool = False,
) -> torch.optim.Optimizer:
    """timm's LAMB over `params`.

    lr: base learning rate, which the schedule multiplies. weight_decay: decoupled, inside the scaled step.
    trust_clip: never scale a step up. always_adapt: scale tensors without weight decay, too.

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    optimizer: torch.optim.Optimizer = Lamb(
        entries,
        lr=lr,
        betas=(betas[0], betas[1]),
        eps=eps,
        weight_decay=weight_decay,
        max_grad_norm=None,
        trust_clip=trust_clip,
        always_adapt=always_adapt,
    )
    return optimizer
