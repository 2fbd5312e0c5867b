"""Lion: steps by the sign of the momentum (Chen et al. 2023, arXiv 2302.06675).

u = sign(b1 m + (1 - b1) g); w = (1 - lr * decay) w - lr * u; m = b2 m + (1 - b2) g. timm's Lion; the paper's defaults.
It wants a learning rate 3 to 10 times below AdamW's and a weight decay as many times above (section 5).
"""

from __future__ import annotations

from typing import Any

import torch
from timm.optim.lion import Lion

from recipelab.optim.fused import device_type
from recipelab.optim.options import Betas, NotNegative, Params


def lion(
    params: Params,
    *,
    lr: NotNegative = 1e-4,
    betas: Betas = (0.9, 0.99),
    weight_decay: NotNegative = 0.0,
) -> torch.optim.Optimizer:
    """timm's Lion over `params`.

    lr: base learning rate, which the schedule multiplies. betas: of the step, and of the momentum it is taken from.
    weight_decay: decoupled.

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    optimizer: torch.optim.Optimizer = Lion(entries, lr=lr, betas=(betas[0], betas[1]), weight_decay=weight_decay)
    return optimizer
