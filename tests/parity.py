"""Whether two networks compute the same: weights copied across, logits and gradients compared in float64."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def weighted(model: nn.Module, x: Tensor) -> list[nn.Module]:
    """Modules with parameters of their own, in the order in which a forward calls them."""
    called: list[nn.Module] = []
    own = [m for m in model.modules() if next(m.parameters(recurse=False), None) is not None]
    hooks = [m.register_forward_pre_hook(lambda module, _: called.append(module)) for m in own]
    with torch.no_grad():
        copy_of_mode = model.training
        model.eval()(x)
        model.train(copy_of_mode)
    for hook in hooks:
        hook.remove()
    return called


def copy_by_call_order(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Their weights into ours: the layers of each kind and shape are called in the same order in both."""
    mine, other = weighted(ours, x), weighted(theirs, x)

    def kind(module: nn.Module) -> tuple[object, ...]:
        return (type(module).__name__, *(tuple(p.shape) for p in module.parameters(recurse=False)))

    assert sorted(map(kind, mine)) == sorted(map(kind, other))
    waiting: dict[tuple[object, ...], list[nn.Module]] = {}
    for module in other:
        waiting.setdefault(kind(module), []).append(module)
    for module in mine:
        module.load_state_dict(waiting[kind(module)].pop(0).state_dict())


def randomise(model: nn.Module) -> nn.Module:
    """Scales, offsets and statistics that are not 1 and 0, so that forgetting one shows."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def assert_same_function(
    ours: nn.Module, theirs: nn.Module, x: Tensor, *, names: Mapping[str, str] | None = None
) -> None:
    """Logits and every gradient to 1e-10, in training and in evaluation; weights are copied from theirs to ours.

    names: our name of a layer -> theirs, where a layer of theirs has another name; None: copied in the order of calls.
    """
    ours, theirs, x = copy.deepcopy(ours).double(), randomise(copy.deepcopy(theirs).double()), x.double()
    if names is None:
        copy_by_call_order(ours, theirs, x)
    else:
        renamed = {theirs_name: own for own, theirs_name in names.items()}
        state = {}
        for key, value in theirs.state_dict().items():
            layer, _, entry = key.rpartition(".")
            state[f"{renamed.get(layer, layer)}.{entry}"] = value
        ours.load_state_dict(state)
    for mode in (False, True):
        losses = []
        for model in (ours.train(mode), theirs.train(mode)):
            model.zero_grad()
            logits = model(x)
            losses.append(logits)
            F.cross_entropy(logits, torch.arange(len(x)) % logits.shape[1]).backward()
        torch.testing.assert_close(losses[0], losses[1], **TOLERANCE)
        mine = sorted((tuple(p.shape), p.grad.abs().sum().item()) for p in ours.parameters())
        other = sorted((tuple(p.shape), p.grad.abs().sum().item()) for p in theirs.parameters())
        torch.testing.assert_close([g for _, g in mine], [g for _, g in other], **TOLERANCE)
        if names is not None:
            gradients = {n: p.grad for n, p in ours.named_parameters()}
            for key, p in theirs.named_parameters():
                layer, _, entry = key.rpartition(".")
                torch.testing.assert_close(gradients[f"{renamed.get(layer, layer)}.{entry}"], p.grad, **TOLERANCE)
