"""The optimizer of a recipe over the parameter groups of its model, and the groups as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import torch
from annotated_types import Ge
from rich.table import Table
from torch import nn

from recipelab.config.check import Recipe
from recipelab.config.signature import Parameter, Schema, fill
from recipelab.core.errors import UserError
from recipelab.optim.groups import make_groups


def build_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over the model's trained parameters, grouped as `param_groups` says.

    Raises UserError for a rule that matches nothing, or names an option that the optimizer does not have.
    """
    slot, section = recipe.slots["optimizer"], recipe.param_groups
    if section is None:
        plain: torch.optim.Optimizer = slot.build(model.parameters())
        return plain
    for text, rule in section.rules.items():
        _check_rule(recipe, text, rule)
    groups = make_groups(model, **asdict(section))
    optimizer: torch.optim.Optimizer = slot.build([{k: v for k, v in g.items() if k != "names"} for g in groups])
    for group in optimizer.param_groups:
        group["lr"] *= group.pop("lr_scale")
    return optimizer


def _check_rule(recipe: Recipe, text: str, rule: Any) -> None:
    """A rule's keys are lr_scale and the optimizer's own, with the types that they have there."""
    slot = recipe.slots["optimizer"]
    if not isinstance(rule, dict) or not rule:
        raise UserError(f"param_groups.rules: {text!r} needs what to set, such as {{{text}: {{lr_scale: 0.1}}}}")
    own = {key: value for key, value in slot.schema.parameters.items() if key != "fused"}
    known = Schema({**own, "lr_scale": Parameter(Annotated[float, Ge(0)], 1.0)}, slot.schema.open)
    fill(f"param_groups.rules.{text}", rule, known, what=slot.name, later=known.parameters)


def groups_table(optimizer: torch.optim.Optimizer, base_lrs: Sequence[float], model: nn.Module) -> Table:
    """A row a group: how many parameters, base learning rate, weight decay, and its first names."""
    table = Table(title="parameter groups", title_justify="left")
    for column in ("group", "tensors", "parameters", "lr", "weight decay"):
        table.add_column(column, justify="right")
    table.add_column("names")
    names = {parameter: name for name, parameter in model.named_parameters()}
    for index, (group, lr) in enumerate(zip(optimizer.param_groups, base_lrs, strict=True)):
        own = [names[p] for p in group["params"]]
        count = sum(p.numel() for p in group["params"])
        shown = ", ".join(own[:2]) + (", ..." if len(own) > 2 else "")
        decay = f"{group.get('weight_decay', 0):.4g}"
        table.add_row(str(index), str(len(own)), f"{count:,}", f"{lr:.4g}", decay, shown)
    return table
