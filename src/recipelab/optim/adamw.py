"""AdamW: Adam with weight decay outside the gradient (Loshchilov and Hutter 2017, arXiv 1711.05101).

torch.optim.AdamW, whose decay is multiplied by the learning rate: w = w - lr * decay * w. Defaults are torch's; lr,
betas and eps are those of Adam (Kingma and Ba 2014, arXiv 1412.6980).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Len, Lt
from torch import Tensor

from recipelab.optim.fused import Fused, device_type, resolve_fused


def adamw(
    params: Iterable[Tensor] | Iterable[dict[str, Any]],
    *,
    lr: Annotated[float, Ge(0)] = 1e-3,
    betas: Annotated[Sequence[Annotated[float, Ge(0), Lt(1)]], Len(2, 2)] = (0.9, 0.999),
    eps: Annotated[float, Ge(0)] = 1e-8,
    weight_decay: Annotated[float, Ge(0)] = 0.01,
    fused: Fused = "auto",
) -> torch.optim.AdamW:
    """torch's AdamW over `params`, tensors or parameter groups.

    lr: base learning rate, which the schedule multiplies.
    betas: decay a step of the averages of the gradient and of its square.
    eps: added to the root of the squares' average.
    weight_decay: decoupled, on every parameter unless a group says else.
    fused: see fused.py.

    Raises UserError for fused kernels where there are none.
    """
    entries: list[Any] = list(params)
    return torch.optim.AdamW(
        entries,
        lr=lr,
        betas=(betas[0], betas[1]),
        eps=eps,
        weight_decay=weight_decay,
        fused=resolve_fused(fused, device_type(entries)),
    )
