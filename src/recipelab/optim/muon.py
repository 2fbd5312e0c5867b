"""Muon: momentum, orthogonalised by Newton-Schulz iterations (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

m = momentum m + (1 - momentum) g; w = (1 - lr * decay) w - lr * scale * orthogonal(m), for matrices and, flattened to
(out, in * h * w), for convolutions. Its companion for the rest (biases, norms, depthwise kernels, tensors thinner than
4 or longer than 128 to 1) is AdamW at companion_lr; with nesterov NAdamW, as timm has it. timm's Muon; the authors'
defaults. The classifier is a matrix like any other here, where the authors leave it to AdamW.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt
from timm.optim.muon import Muon

from recipelab.optim.fused import device_type
from recipelab.optim.options import Betas, Decay, NotNegative, Params


def muon(  # noqa: PLR0913 - each is an option of the recipe
    params: Params,
    *,
    lr: Annotated[float, Gt(0)] = 0.02,
    momentum: Decay = 0.95,
    nesterov: bool = True,
    weight_decay: NotNegative = 0.0,
    adjust_lr: Literal["original", "match_rms_adamw", "rms_to_rms"] = "original",
    newton_schulz_steps: Annotated[int, Ge(1)] = 5,
    companion_lr: NotNegative = 3e-4,
    companion_betas: Betas = (0.9, 0.95),
) -> torch.optim.Optimizer:
    """timm's Muon over `params`.

    lr: base learning rate of the matrices; the schedule multiplies it and the companion's alike.
    weight_decay: decoupled, of both.
    adjust_lr: scale by shape; original: sqrt(max(1, out / in)); match_rms_adamw: 0.2 sqrt(max(out, in)) (Liu et al.
        2025, arXiv 2502.16982), for AdamW's learning rates; rms_to_rms: sqrt(out / in).
    companion_lr, companion_betas: AdamW's, for what is no matrix.

    Raises UserError when there is nothing to train.
    """
    entries: list[Any] = list(params)
    device_type(entries)
    optimizer: torch.optim.Optimizer = Muon(
        entries,
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        adjust_lr_fn=adjust_lr,
        ns_steps=newton_schulz_steps,
        fallback_lr_scale=companion_lr / lr,
        betas=(companion_betas[0], companion_betas[1]),
    )
    return optimizer
