"""Stochastic gradient descent with momentum: g = grad + decay * w; v = momentum * v + g; w = w - lr * v.

torch.optim.SGD (the learning rate is outside the velocity; the first velocity is the first gradient). Nesterov:
Sutskever et al. 2013: w = w - lr * (g + momentum * v). Defaults: the usual recipe for CIFAR (Zagoruyko and Komodakis
2016, arXiv 1605.07146), without its Nesterov.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.optim.fused import Fused, device_type, resolve_fused


def sgd(
    params: Iterable[Tensor] | Iterable[dict[str, Any]],
    *,
    lr: Annotated[float, Ge(0)] = 0.1,
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
    nesterov: bool = False,
    weight_decay: Annotated[float, Ge(0)] = 5e-4,
    fused: Fused = "auto",
) -> torch.optim.SGD:
    """torch's SGD over `params`, tensors or parameter groups.

    lr: base learning rate, which the schedule multiplies.
    weight_decay: coupled (part of the gradient, hence of the momentum), on every parameter unless a group says else.
    fused: see fused.py.

    Raises UserError for Nesterov without momentum, and for fused kernels where there are none.
    """
    if nesterov and momentum == 0:
        raise UserError(
            "optimizer.nesterov=true needs optimizer.momentum > 0, got 0"
            "\n  set optimizer.momentum=0.9, or optimizer.nesterov=false"
        )
    entries: list[Any] = list(params)
    return torch.optim.SGD(
        entries,
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        fused=resolve_fused(fused, device_type(entries)),
    )
