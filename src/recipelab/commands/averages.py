"""The averages of a recipe: built for a plan, told at the start, and their batch statistics recomputed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from torch import nn

from recipelab.averaging.bank import EPOCH_MEAN, Bank
from recipelab.averaging.blocks import Blocks
from recipelab.averaging.clock import Clock
from recipelab.averaging.epoch_mean import epoch_mean_weights
from recipelab.config.averages import named_averages
from recipelab.config.check import Recipe
from recipelab.core.batch import Batch
from recipelab.core.generators import step_base
from recipelab.core.sizes import shown_size
from recipelab.data.loader import TrainLoader
from recipelab.loop.batch_statistics import Recomputed, trained_norms
from recipelab.loop.device import Device
from recipelab.loop.plan import Plan
from recipelab.loop.ranks import Stop


def clock_of(plan: Plan) -> Clock:
    """The steps of a plan as averages count them."""
    return Clock(plan.timeline, plan.done())


def build_bank(model: nn.Module, recipe: Recipe, plan: Plan, blocks: Blocks | None) -> Bank | None:
    """The recipe's averages of a model, each with its weight at every step; None without an averaging section.

    Raises UserError for a half-life or window of less than a step.
    """
    section = recipe.averaging
    if section is None:
        return None
    clock = clock_of(plan)
    weights = {name: named.build().weights(clock) for name, named in named_averages(section).items()}
    hidden = {}
    if blocks is not None:
        ends = np.isin(np.arange(1, plan.total + 1), blocks.stops)
        hidden = {EPOCH_MEAN: epoch_mean_weights(ends)}
    return Bank(model, weights, hidden=hidden, statistics=section.buffers == "average")


def recomputing(
    recipe: Recipe, model: nn.Module, epochs: TrainLoader, *, device: Device, seed: int, stop: Stop
) -> Recomputed | None:
    """What recomputes the batch statistics of averages; None when the recipe keeps them otherwise."""
    section = recipe.averaging
    if section is None or section.buffers != "recompute":
        return None
    stopped: Callable[[], bool] = lambda: bool(stop)  # noqa: E731
    return recomputed(model, epochs, section.recompute_batches, device=device, seed=seed, stopped=stopped)


def recomputed(
    model: nn.Module,
    epochs: TrainLoader,
    count: int,
    *,
    device: Device,
    seed: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Recomputed:
    """What recomputes the batch statistics of weights by `count` batches of the first epoch."""
    reader = copy.copy(epochs)  # of its own batch size, which may grow while it trains

    def batches() -> Iterator[Batch]:
        return islice(reader.epoch(0), count)

    base = step_base(seed, "statistics", device.ranks.rank)
    return Recomputed(model, batches, device=device, base=base, stopped=stopped)


def averages_lines(recipe: Recipe, plan: Plan, bank: Bank) -> list[str]:
    """What a run says of its averages: each in words, and what all cost in memory."""
    assert recipe.averaging is not None
    clock = clock_of(plan)
    lines = [f"{name}: {named.build().describe(clock)}" for name, named in named_averages(recipe.averaging).items()]
    hidden = ", one of them the running epoch's mean" if EPOCH_MEAN in bank.places else ""
    buffers = {"average": "averaged", "copy": "the model's own", "recompute": "recomputed"}[recipe.averaging.buffers]
    told = buffers if trained_norms(bank.model) else "none"
    lines.append(
        f"bank: {len(bank.rows)} row{'s' * (len(bank.rows) > 1)}{hidden}, {shown_size(bank.rows.nbytes)};"
        f" batch statistics: {told}"
    )
    return lines
