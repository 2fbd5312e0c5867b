"""NAdam: Adam with Nesterov's momentum (Dozat 2016, "Incorporating Nesterov momentum into Adam").

torch.optim.NAdam, whose momentum grows as mu_t = b1 (1 - 0.5 * 0.96^(t * momentum_decay)). Defaults are torch's, which
are the paper's.
"""

from __future__ import annotations

from typing import Any

import torch

from recipelab.optim.fused import device_type
from recipelab.optim.options import Betas, NotNegative, Params


def nadam(
    params: Params,
    *,
    lr: NotNegative = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    momentum_decay: NotNegative = 4e-3,
    decoupled_weight_decay: bool = False,
) -> torch.optim.NAdam:
    """torch's NAdam over `params`.

    lr: base learning rate, which the schedule multiplies. eps: added to the root of the squares' average.
    weight_decay: part of the gradient, or, with `decoupled_weight_decay`, lr * decay of the weight, as AdamW's.
    momentum_decay: how fast the momentum grows towards betas[0].

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    return torch.optim.NAdam(
        entries,
        lr=lr,
        betas=(betas[0], betas[1]),
        eps=eps,
        weight_decay=weight_decay,
        momentum_decay=momentum_decay,
        decoupled_weight_decay=decoupled_weight_decay,
    )
