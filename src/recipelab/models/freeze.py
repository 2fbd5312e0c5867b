"""Parts of a model that are not trained, for the whole training or up to a step.

A frozen parameter asks for no gradient, and without one no optimizer moves or decays it; frozen batch norms normalise
by their running statistics and do not change them. What is frozen follows from the step alone, so that a resumed
training goes on with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from recipelab.core.errors import UserError, did_you_mean
from recipelab.models.weights import first_and_head


@dataclass(frozen=True)
class Part:
    """Parameters and batch norms that a name stands for. until: the step that trains them first; None: none does."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    norms: tuple[nn.Module, ...]
    until: int | None = None


class Freezing:
    """Freezes and thaws parts of `model`; called with the step that comes next (from 0).

    names: modules or parameters ("layer1", "layer4.0.conv1"), "stem" for the first layers, "backbone" for all but the
        classifier. until: the step from which each is trained, in the same order; None: never.

    Raises UserError for a name that the model does not have.
    """

    def __init__(self, model: nn.Module, names: Sequence[str], until: Sequence[int | None]) -> None:
        self.parts = [_part(model, name, step) for name, step in zip(names, until, strict=True)]
        self.changes = sorted({part.until for part in self.parts if part.until is not None})
        self.frozen: tuple[str, ...] | None = None
        self(0)

    def __call__(self, step: int) -> None:
        """Put every part into its state at `step`; without a change since the last call nothing is done."""
        frozen = [part for part in self.parts if part.until is None or step < part.until]
        names = tuple(part.name for part in frozen)
        if names == self.frozen:
            return
        self.frozen = names
        still = {id(p) for part in frozen for p in part.parameters} | {id(m) for part in frozen for m in part.norms}
        for part in self.parts:
            for parameter in part.parameters:
                parameter.requires_grad_(id(parameter) not in still)
            for norm in part.norms:
                norm.train(id(norm) not in still)


def _part(model: nn.Module, name: str, until: int | None) -> Part:
    chosen = set(parameter_names(model, name))
    parameters = tuple(p for key, p in model.named_parameters() if key in chosen)
    norms = tuple(
        module
        for path, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        and all(f"{path}.{key}" in chosen for key, _ in module.named_parameters(recurse=False))
        and (module.weight is not None or path == name or path.startswith(f"{name}."))
    )
    return Part(name, parameters, norms, until)


def parameter_names(model: nn.Module, name: str) -> list[str]:
    """The parameters of `model` that `name` stands for. Raises UserError when there are none."""
    every = [key for key, _ in model.named_parameters()]
    found = [key for key in every if key == name or key.startswith(f"{name}.")]
    if not found and name == "stem":
        found = [key for key in every if _in_stem(model, key)]
    if not found and name == "backbone":
        head = first_and_head(model)[1]
        found = [key for key in every if head is not None and not key.startswith(f"{head}.")]
    if not found:
        children = [child for child, module in model.named_children() if any(True for _ in module.parameters())]
        valid = [*dict.fromkeys(["stem", "backbone", *children])]
        raise UserError(
            f"model.freeze: {name!r} is no part of the model{did_you_mean(name, valid)}\n  parts: {', '.join(valid)},"
            " and what is inside them, such as layer1.0"
        )
    return found


def _in_stem(model: nn.Module, key: str) -> bool:
    """Whether a parameter is of the first layers: as our networks and timm's say, else the first convolution."""
    freezable = getattr(model, "freezable", None)
    if isinstance(freezable, dict):
        return any(key.startswith(f"{layer}.") for layer in freezable.get("stem", ()))
    if callable(matcher := getattr(model, "group_matcher", None)):
        return re.match(matcher(coarse=True)["stem"], key) is not None
    return key.rpartition(".")[0] == first_and_head(model)[0]
