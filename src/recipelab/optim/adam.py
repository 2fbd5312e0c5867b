"""Adam: steps by the averages of the gradient and of its square (Kingma and Ba 2014, arXiv 1412.6980).

m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = w - lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps), with
g = grad + decay * w: the decay is part of the gradient, unlike AdamW's. torch.optim.Adam; the paper's defaults.
"""

from __future__ import annotations

from typing import Any

import torch

from recipelab.optim.fused import Fused, device_type, resolve_fused
from recipelab.optim.options import Betas, NotNegative, Params


def adam(
    params: Params,
    *,
    lr: NotNegative = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    fused: Fused = "auto",
) -> torch.optim.Adam:
    """torch's Adam over `params`.

    lr: base learning rate, which the schedule multiplies. eps: added to the root of the squares' average.
    weight_decay: coupled. fused: see fused.py.

    Raises UserError for fused kernels where there are none.
    """
    entries: list[Any] = list(params)
    return torch.optim.Adam(
        entries,
        lr=lr,
        betas=(betas[0], betas[1]),
        eps=eps,
        weight_decay=weight_decay,
        fused=resolve_fused(fused, device_type(entries)),
    )
