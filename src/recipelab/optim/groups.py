"""Parameter groups: which parameters of a model get which learning rate and weight decay.

Three rules, which multiply: no decay for norms and biases, by the type of the module that owns the parameter (names
miss the batch norms inside a Sequential); learning rates that fall from the last layer to the first (Clark et al.
2020, "ELECTRA", arXiv 2003.10555, section A; Bao et al. 2021, "BEiT"); and overrides by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from recipelab.core.errors import UserError, did_you_mean

# torch has no common base of its normalisation layers; LayerNorm2d and GRN of libraries carry Norm in their names.
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


@dataclass
class Settings:
    """What one parameter gets. options: of the optimizer, such as weight_decay."""

    lr_scale: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    def key(self) -> tuple[Any, ...]:
        """Equal for parameters of one group."""
        return self.lr_scale, *sorted((name, repr(value)) for name, value in self.options.items())


def make_groups(
    model: nn.Module,
    *,
    undecay_norm: bool = False,
    layer_decay: float | None = None,
    rules: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Groups for an optimizer, in the order of the model: params, names, lr_scale, and what differs of its options.

    undecay_norm: weight decay 0 for parameters of norms and for biases.
    layer_decay: the rate of layer i of L (`layers`) is multiplied by layer_decay ** (L - 1 - i).
    rules: regular expression -> lr_scale and options of the optimizer. It is matched at the beginning of a parameter's
        name (`layer3` takes layer3.0.conv1.weight, too); the first that matches counts, and wins over undecay_norm.

    Raises UserError when a rule matches nothing.
    """
    settings = {name: Settings() for name, p in model.named_parameters() if p.requires_grad}
    if undecay_norm:
        _undecay(model, settings)
    if layer_decay is not None:
        _decay_layers(model, settings, layer_decay)
    _override(settings, rules or {})
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    parameters = dict(model.named_parameters())
    for name, given in settings.items():
        fresh = {"params": [], "names": [], "lr_scale": given.lr_scale, **given.options}
        group = groups.setdefault(given.key(), fresh)
        group["params"].append(parameters[name])
        group["names"].append(name)
    return list(groups.values())


def is_norm(module: nn.Module) -> bool:
    """Whether a module normalises activations: torch's own by type, others by the name of theirs."""
    return isinstance(module, NORMS) or "Norm" in type(module).__name__


def layers(model: nn.Module) -> list[list[str]]:
    """Names of the parameters layer by layer, from input to output.

    A timm model says itself (`group_matcher`). Elsewhere children are layers, in the order in which they are defined;
    containers (Sequential, ModuleList) are opened, and what only normalises belongs to the layer before it.
    """
    names = [name for name, _ in model.named_parameters()]
    matcher: Any = getattr(model, "group_matcher", None)
    if matcher is not None:
        from timm.models import group_parameters  # here: half a second to import, and only timm's models need it

        of: dict[str, int] = group_parameters(model, matcher(coarse=False), reverse=True)
        numbers = sorted(set(of.values()))
        return [[name for name in names if of[name] == number] for number in numbers]
    found: list[list[str]] = []
    for prefix, module in _blocks(model):
        own = [f"{prefix}.{name}" for name, _ in module.named_parameters()]
        if own and found and is_norm(module):
            found[-1] += own
        elif own:
            found.append(own)
    loose = [name for name in names if not any(name in layer for layer in found)]  # a class token, a position table
    return ([[*loose, *found[0]]] if found else [loose]) + found[1:]


def _blocks(module: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        path = f"{prefix}.{name}" if prefix else name
        opened = isinstance(child, nn.Sequential | nn.ModuleList)
        found += _blocks(child, path) if opened else [(path, child)]
    return found


def _undecay(model: nn.Module, settings: dict[str, Settings]) -> None:
    if not any(is_norm(module) for module in model.modules()) and not any(n.endswith("bias") for n in settings):
        raise UserError("param_groups.undecay_norm=true: this model has no normalisation layer and no bias")
    for path, module in model.named_modules():
        for name, _ in module.named_parameters(path, recurse=False):
            if name in settings and (is_norm(module) or name.rpartition(".")[2].endswith("bias")):
                settings[name].options["weight_decay"] = 0.0


def _decay_layers(model: nn.Module, settings: dict[str, Settings], decay: float) -> None:
    found = layers(model)
    if len(found) < 2:
        raise UserError(
            f"param_groups.layer_decay={decay}: no layers can be told apart in {type(model).__name__}"
            "\n  give learning rates by name instead: param_groups.rules"
        )
    for index, names in enumerate(found):
        for name in names:
            if name in settings:
                settings[name].lr_scale *= decay ** (len(found) - 1 - index)


def _override(settings: dict[str, Settings], rules: Mapping[str, Mapping[str, Any]]) -> None:
    patterns = {text: _compiled(text) for text in rules}
    used = set()
    for name, given in settings.items():
        for text, pattern in patterns.items():
            if pattern.match(name):
                used.add(text)
                options = dict(rules[text])
                given.lr_scale *= options.pop("lr_scale", 1.0)
                given.options.update(options)
                break
    for text in rules:
        if text not in used:
            raise UserError(
                f"param_groups.rules: {text!r} matches no trained parameter that an earlier rule has not taken"
                f"{did_you_mean(text, {name.split('.')[0] for name in settings})}"
                f"\n  parameters: {', '.join(list(settings)[:4])}, ...; `recipelab show model` lists them"
            )


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UserError(f"param_groups.rules: {text!r} is not a regular expression: {error}") from error
