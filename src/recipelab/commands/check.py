"""`recipelab check`: all of a recipe that can be proved without reading data; nothing is written, nothing fetched."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import nn

from recipelab.commands import groups
from recipelab.commands.ask import Ask
from recipelab.commands.assemble import freeze
from recipelab.commands.look import Look, look, tried_model, tried_smallest
from recipelab.commands.screen import data_line, execution_line
from recipelab.commands.task import tried_loss
from recipelab.config.check import Recipe
from recipelab.core.errors import UserError
from recipelab.loop.device import Execution
from recipelab.loop.growth import grown
from recipelab.loop.load_run import initialise
from recipelab.loop.plan import make_plan
from recipelab.loop.start_weights import start_weights
from recipelab.optim.plan import courses

LONG = 2_000_000  # steps of the longest training that a schedule is tried on when the number of samples is not known


def check_command(ask: Ask) -> None:
    """Check a recipe and print what it comes to. Raises UserError for whatever `train` would refuse without data."""
    found = look(ask, declared=True)
    model = build_parts(found)
    print("the recipe is sound")
    for line in found.notes:
        print(line)
    slots = found.recipe.slots
    print(f"data: {slots['data'].name}, {data_line(found.facts)}")
    print(f"model: {slots['model'].name}, {sum(p.numel() for p in model.parameters()):,} parameters")
    print(f"execution: {execution_line(found.execution)}")


def build_parts(found: Look) -> nn.Module:
    """Build every slot as training would, its model without memory; returns the model. Raises UserError."""
    recipe, facts = found.recipe, found.facts
    for name in ("augment", "mix", "loss", "logger"):
        if name in recipe.slots:
            recipe.slots[name].build()
    model = tried_model(recipe.slots["model"], facts)
    tried_loss(recipe.slots["loss"], facts)
    tried_smallest(recipe, facts)
    if recipe.trainer.init_from:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights that go nowhere: shapes and names are what is compared
            initialise(model, recipe.trainer.init_from)
    if recipe.model.weights:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start_weights(model, recipe)
    freeze(model, recipe, make_plan(recipe.trainer, recipe.trainer.batch_size * recipe.trainer.accumulate))
    optimizer = build_optimizer(recipe, model, found.execution)
    _try_schedule(recipe, optimizer)
    return model


def build_optimizer(recipe: Recipe, model: nn.Module, execution: Execution) -> torch.optim.Optimizer:
    """The recipe's optimizer over parameters like the model's, of unset values, on the execution's device."""
    placed = copy.deepcopy(model).to_empty(device=torch.device(execution.accelerator))
    return groups.build_optimizer(recipe, placed)


def _try_schedule(recipe: Recipe, optimizer: torch.optim.Optimizer) -> None:
    """Refuse a schedule that is wrong however many samples there are: in a training of short and of long epochs."""
    trainer = recipe.trainer
    longest = max(1, LONG // (trainer.epochs or 1))
    refusals = []
    for steps_per_epoch in (1, longest):
        plan = make_plan(trainer, steps_per_epoch * trainer.batch_size * trainer.accumulate)
        try:
            if recipe.batch_schedule:
                grown(plan, recipe.batch_schedule, trainer.epochs)
            courses(recipe.slots["scheduler"].build(plan.timeline), optimizer)
        except UserError as error:
            refusals.append(str(error))
    if len(refusals) == 2:
        counted = "" if refusals[0] == refusals[1] else "\n  (counted in epochs of one step, as no data were read)"
        raise UserError(refusals[0] + counted)
