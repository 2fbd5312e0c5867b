"""What can be known of a recipe before its data are read: the same first steps for train, check and show."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.augment.resizing import resized
from recipelab.commands.ask import Ask
from recipelab.commands.debug import DEBUG
from recipelab.commands.resume import Resumed, open_resumed
from recipelab.commands.task import settle
from recipelab.config.check import Bound, Given, Recipe
from recipelab.config.facts import gather
from recipelab.config.slots import described
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.core.generators import epoch_draws, generator
from recipelab.loop.device import Execution, resolve


@dataclass(frozen=True)
class Look:
    """A recipe with what is known of its data before any are read.

    recipe: facts injected. source: the data slot, built. resumed: the record to go on with, or None.
    notes: lines to print.
    """

    ask: Ask
    recipe: Recipe
    facts: Facts
    source: Any
    execution: Execution
    resumed: Resumed | None = None
    notes: list[str] = field(default_factory=list)


def look(ask: Ask, *, declared: bool = False) -> Look:
    """Compose, check, gather the facts, resolve every `auto`. Raises UserError.

    declared: let what the recipe declares of its data stand in for data that are not there.
    """
    ask, recipe, resumed = _asked(ask)
    notes = [f"{ask.config_dir}: {name} stands before the packaged file" for name in recipe.composed.shadowed]
    source = recipe.slots["data"].build()
    facts, absent = _facts(recipe, source) if declared else (gather(recipe.data, source.facts()), None)
    if absent:
        notes.append(f"{absent}: what the recipe declares of the data is taken for true")
    facts = _augmented(recipe, facts)
    execution = resolve(resumed.trainer if resumed else recipe.trainer, input_dim=facts.input_dim, task=facts.task)
    if recipe.sam and execution.precision == "16-mixed":
        raise UserError(
            "sam cannot go with trainer.precision=16-mixed: a gradient that overflows, which the loss scaler expects"
            " now and then, would move the weights to infinity between the two passes"
            "\n  use trainer.precision=bf16-mixed or 32"
        )
    return Look(ask, settle(recipe.with_facts(facts), facts), facts, source, execution, resumed, notes)


def _asked(ask: Ask) -> tuple[Ask, Recipe, Resumed | None]:
    """The recipe asked for, with what its debug mode stands for, or that of the record to go on with."""
    if resumed := open_resumed(ask):
        return ask, resumed.recipe, resumed
    recipe = ask.recipe()
    if recipe.trainer.resume not in (None, "auto"):
        raise UserError(f"trainer.resume={recipe.trainer.resume}: the command names the record to go on with, no file")
    if recipe.trainer.debug:
        ask = replace(ask, overrides=(*DEBUG[recipe.trainer.debug], *ask.overrides))
        recipe = ask.recipe()
    return ask, recipe, None


def _augmented(recipe: Recipe, facts: Facts) -> Facts:
    """The facts of what the network sees: two blank images are augmented, and may come back in another size.

    Raises UserError when the augmentation cannot take such images.
    """
    slot = recipe.with_facts(facts).slots["augment"]
    augment = slot.build()
    stored, kind = facts.of_stored().image_size, facts.image_dtype
    size = "x".join(str(edge) for edge in stored)
    blank = torch.zeros(2, *stored, facts.input_channels, dtype=getattr(torch, kind)).movedim(-1, 1)
    try:
        made = augment(blank, epoch_draws(augment, torch.arange(2), 0, generator(0, "augment")))
        seen = tuple(made.shape[2:])
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"augment: {slot.name} fails on images of {size} ({kind}): {described(error)}") from error
    if facts.cropped and hasattr(augment, "evaluate"):
        raise UserError(
            f"augment: {slot.name} changes the size of images that data.crop_scale has cut out of their files"
            " and resized already\n  fix: data.crop_scale=null, or another augment"
        )
    if seen == stored:
        return facts
    if facts.stored_size is not None and seen != facts.image_size:
        raise UserError(
            f"data.input_size={list(facts.image_size)}, and augment: {slot.name} makes images of {list(seen)}:"
            " give the same size to both"
        )
    if not hasattr(augment, "evaluate"):
        raise UserError(
            f"augment: {slot.name} makes images of {'x'.join(map(str, seen))} from {size}, and has no evaluate(images)"
            " that gives them this size for evaluation"
        )
    return replace(facts, image_size=seen, stored_size=stored)


def _facts(recipe: Recipe, source: Any) -> tuple[Facts, str | None]:
    """Facts, and why they are only the declared ones (None: they are not). Raises UserError when those are too few."""
    try:
        return gather(recipe.data, source.facts()), None
    except UserError:
        root = recipe.slots["data"].kwargs.get("root")
        if not isinstance(root, str) or Path(root).expanduser().exists():
            raise
        try:
            return gather(recipe.data, {}), f"data.root={root} is not there"
        except UserError:
            pass  # what the source itself said is the better message
        raise


def tried_model(slot: Bound, facts: Facts) -> nn.Module:
    """The model after one forward of a blank image: without memory or arithmetic where it allows that."""
    try:
        return _forward(slot, facts, "meta")
    except UserError:
        raise
    except Exception:  # it reads values while it is built or called, which meta tensors do not have
        pass
    try:
        return _forward(slot, facts, "cpu")
    except UserError:
        raise
    except Exception as error:
        size = "x".join(str(s) for s in facts.image_size)
        raise UserError(
            f"model: {slot.name} cannot take images of {size} with {facts.input_channels} channels: {described(error)}"
        ) from error


def _forward(slot: Bound, facts: Facts, device: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]), torch.device(device), torch.no_grad():
        built = slot.build()
        model: nn.Module = copy.deepcopy(built) if isinstance(slot.target, Given) else built
        logits = model.eval()(torch.zeros(1, facts.input_channels, *facts.image_size))
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != (1, facts.num_classes):
        what, outputs = ("targets", "outputs") if facts.task == "regression" else ("classes", "logits")
        raise UserError(
            f"model: {slot.name} gives {shape} for one image, and the data have {facts.num_classes} {what}:"
            f" {outputs} of shape (1, {facts.num_classes}) are expected"
        )
    return model


def tried_smallest(recipe: Recipe, facts: Facts) -> None:
    """The model after a forward of the smallest images that progressive resizing gives it. Raises UserError."""
    section = recipe.resizing
    if section is not None:
        smallest = resized(torch.zeros(1, 1, *facts.image_size), section.start, section.multiple)
        tried_model(recipe.slots["model"], replace(facts, image_size=tuple(smallest.shape[2:])))
