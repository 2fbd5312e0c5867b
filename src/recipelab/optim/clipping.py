"""Clipping the gradient before a step: by its global norm, by value, or unit by unit (adaptive).

norm: g * min(1, limit / norm(g)) over all parameters (Pascanu et al. 2012, arXiv 1211.5063). value: each entry within
[-limit, limit]. adaptive: Brock et al. 2021, "High-performance large-scale image recognition without normalization",
arXiv 2102.06171: each unit's norm at most limit * max(norm of its weights, 1e-3); 0.01 is theirs for batches of 4,096;
the last linear layer is left out, as they advise. By torch and timm; nothing waits for the device.
"""

from __future__ import annotations

from typing import Literal

from timm.utils.agc import adaptive_clip_grad
from torch import nn

ClipMode = Literal["norm", "value", "adaptive"]


class Clip:
    """Clips the gradients of a model's trained parameters in place.

    limit: see the module; in units of the gradient, for adaptive a share of the weights' norm.
    """

    def __init__(self, model: nn.Module, limit: float, mode: ClipMode = "norm") -> None:
        self.limit, self.mode = limit, mode
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        head = {id(p) for p in linear[-1].parameters()} if linear and mode == "adaptive" else set()
        self.parameters = [p for p in model.parameters() if p.requires_grad and id(p) not in head]

    def __call__(self) -> None:
        if self.mode == "norm":
            nn.utils.clip_grad_norm_(self.parameters, self.limit)
        elif self.mode == "value":
            nn.utils.clip_grad_value_(self.parameters, self.limit)
        else:
            adaptive_clip_grad(self.parameters, clip_factor=self.limit)  # type: ignore[no-untyped-call]
