"""Schedule-free learning (Defazio et al. 2024, "The road less scheduled", arXiv 2405.15682).

Three sequences: gradients are taken at y, steps at z, and x, an average of z, is what is evaluated:

    z = z - lr * g(y);  x = (1 - c) x + c z;  y = (1 - beta) z + beta x

with c = lr_max^2 / (sum of lr_max^2 so far), which leaves warm-up steps out of the average; decay is taken at y. For
AdamW, g is divided by sqrt(v / (1 - b2^t)) + eps. The model's parameters are y and the state keeps z, so that x costs
no memory: y moves by lr * (beta (1 - c) - 1) * g after y = (1 - c) y + c z. Defaults: the authors' code.

Use scheduler=constant, with a warm-up. Every view `raw` and every checkpoint's weights are x (`evaluation_weights`);
averages of the averaging slot follow y. Batch statistics are those of y, close to x's where beta is near 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from recipelab.optim.fused import device_type
from recipelab.optim.options import Betas, NotNegative, Params

Beta = Annotated[float, Gt(0), Lt(1)]


def schedule_free_sgd(
    params: Params, *, lr: NotNegative = 1.0, momentum: Beta = 0.9, weight_decay: NotNegative = 0.0
) -> ScheduleFree:
    """Schedule-free SGD over `params`.

    lr: base learning rate; 10 to 50 times that of SGD with a schedule (the authors).
    momentum: beta, the weight of x in y. weight_decay: coupled, taken at y.

    Raises UserError when there is nothing to train.
    """
    return ScheduleFree(params, lr=lr, beta=momentum, weight_decay=weight_decay)


def schedule_free_adamw(
    params: Params,
    *,
    lr: NotNegative = 2.5e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
) -> ScheduleFree:
    """Schedule-free AdamW over `params`.

    lr: base learning rate; 1 to 10 times that of AdamW with a schedule (the authors).
    betas: the weight of x in y, above 0, and the decay of the average of squares. weight_decay: decoupled, at y.

    Raises UserError when there is nothing to train.
    """
    return ScheduleFree(params, lr=lr, beta=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay)


class ScheduleFree(torch.optim.Optimizer):
    """Parameters at y, z in the state; x on request.

    beta: weight of x in y. beta2: decay of the average of squares, or None for SGD.

    Raises ValueError for a beta of 0, from which x could not be told. The checkpoint's `model` holds x, so the state
    dict carries y, and loading it puts the parameters back there, bit for bit.
    """

    def __init__(
        self,
        params: Params,
        *,
        lr: float,
        beta: float,
        beta2: float | None = None,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not 0 < beta < 1:
            raise ValueError(f"the weight of x in y must be above 0 and below 1, got {beta}")
        entries: list[Any] = list(params)
        device_type(entries)
        own = {"step": 0, "lr_max": 0.0, "weight_sum": 0.0}
        super().__init__(
            entries, {"lr": lr, "beta": beta, "beta2": beta2, "eps": eps, "weight_decay": weight_decay, **own}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step from the gradients at y."""
        assert closure is None
        for group in self.param_groups:
            group["step"] += 1
            group["lr_max"] = max(group["lr"], group["lr_max"])
            weight = group["lr_max"] ** 2
            group["weight_sum"] += weight
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                share = weight / group["weight_sum"] if group["weight_sum"] else 0.0
                self._move(group, params, self._direction(group, params), share)

    def _direction(self, group: dict[str, Any], params: list[Tensor]) -> list[Tensor]:
        """What z goes against: the gradient at y, normalised for AdamW, with the decay of y."""
        for p in params:
            if p not in self.state:
                self.state[p]["z"] = p.detach().clone()
                if group["beta2"] is not None:
                    self.state[p]["square"] = torch.zeros_like(p)
        grads: Any = [p.grad for p in params]
        if group["beta2"] is not None:
            squares = [self.state[p]["square"] for p in params]
            torch._foreach_mul_(squares, group["beta2"])
            torch._foreach_addcmul_(squares, grads, grads, value=1 - group["beta2"])
            roots = torch._foreach_div(squares, 1 - group["beta2"] ** group["step"])
            torch._foreach_sqrt_(roots)
            torch._foreach_add_(roots, group["eps"])
            grads = torch._foreach_div(grads, roots)
        if group["weight_decay"]:
            grads = torch._foreach_add(grads, params, alpha=group["weight_decay"])
        return list(grads)

    def _move(self, group: dict[str, Any], params: list[Tensor], direction: list[Tensor], share: float) -> None:
        z = [self.state[p]["z"] for p in params]
        torch._foreach_lerp_(params, z, share)
        torch._foreach_add_(params, direction, alpha=group["lr"] * (group["beta"] * (1 - share) - 1))
        torch._foreach_sub_(z, direction, alpha=group["lr"])

    @torch.no_grad()
    def evaluation_weights(self, params: Iterable[Tensor]) -> list[Tensor]:
        """x for each of `params`: (y - (1 - beta) z) / beta; the parameter itself before its first step."""
        betas = {p: group["beta"] for group in self.param_groups for p in group["params"]}
        return [
            torch.lerp(p, self.state[p]["z"], 1 - 1 / betas[p]) if "z" in self.state.get(p, ()) else p for p in params
        ]

    def state_dict(self) -> dict[str, Any]:
        """torch's, and y of each parameter."""
        found = super().state_dict()
        params = [p for group in self.param_groups for p in group["params"]]
        state = {i: {**state, "y": params[i].detach().clone()} for i, state in found["state"].items()}
        return {**found, "state": state}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state dict; the parameters are put back to its y."""
        super().load_state_dict(state_dict)
        for p, state in self.state.items():
            p.copy_(state.pop("y"))
