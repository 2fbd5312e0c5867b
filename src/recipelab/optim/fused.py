"""Fused optimizer kernels: one pass over the parameters instead of one kernel an operation and tensor.

Microseconds a step, torch 2.15, two CPU cores, the median of 9 interleaved rounds (SGD with momentum and weight decay):

|                 | plain  | foreach | fused |
|-----------------|--------|---------|-------|
| SGD, ResNet-20  | 437    | 326     | 116   |
| SGD, ResNet-18  | 7,850  | 19,918  | 4,282 |
| AdamW, ResNet-20| 1,232  | 893     | 265   |
| AdamW, ResNet-18| 23,857 | 29,401  | 6,085 |

So "auto" is fused on CPU and CUDA. The bits differ from the plain kernels', so it is decided from the device alone,
once, before the first step.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from recipelab.core.errors import UserError

Fused = bool | Literal["auto"]

AUTO = ("cpu", "cuda")
SUPPORTED = ("cpu", "cuda", "mps", "xpu")


def resolve_fused(fused: Fused, device_type: str) -> bool:
    """Whether to use the fused kernels on this kind of device ("cpu", "cuda", ...).

    Raises UserError when they are demanded where torch has none.
    """
    if fused == "auto":
        return device_type in AUTO
    if fused and device_type not in SUPPORTED:
        raise UserError(
            f"optimizer.fused=true: there are no fused kernels for the device {device_type!r}"
            f" (there are for {', '.join(SUPPORTED)})\n  use optimizer.fused=auto"
        )
    return fused


def device_type(params: list[Any]) -> str:
    """The kind of device that the first of an optimizer's parameters is on.

    params: tensors, or parameter groups whose "params" are lists of tensors.

    Raises UserError when there is none.
    """
    for entry in params:
        for tensor in [entry] if isinstance(entry, Tensor) else entry["params"]:
            return tensor.device.type
    raise UserError("the model has no parameters to train\n  choose another model, or leave some of it unfrozen")


def start_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Give every parameter of an SGD with momentum a velocity of zero, so that some may get gradients later.

    The first step is the same: momentum * 0 + gradient. The fused kernel wants a velocity for all of its parameters or
    for none (torch 2.15), and raises TypeError when a part of a model thaws.
    """
    if isinstance(optimizer, torch.optim.SGD):
        for group in optimizer.param_groups:
            for parameter in group["params"] if group["momentum"] else ():
                optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
