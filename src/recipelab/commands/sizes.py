"""How many samples an epoch has, known as well as it can be without fetching anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from recipelab.commands.job import split_data
from recipelab.commands.look import Look
from recipelab.core.errors import UserError
from recipelab.data.pool import Pool

ASSUMED_STEPS = 100  # of an epoch, when the size of the data is not known
# Training samples of data sets of a fixed size, for a schedule before they are fetched.
KNOWN_SAMPLES = {"recipelab.data.cifar.CIFAR10": 50_000, "recipelab.data.cifar.CIFAR100": 50_000}


class _Loaded:
    """A source whose pools are in memory."""

    def __init__(self, pools: tuple[Pool, Pool | None]) -> None:
        self.pools = pools

    def load(self, say: object) -> tuple[Pool, Pool | None]:
        return self.pools


def local_data(found: Look, say: Callable[[str], None]) -> tuple[Pool | None, str]:
    """The training split, or None and why it is not here."""
    slot = found.recipe.slots["data"]
    if "download" in slot.kwargs:
        slot = replace(slot, kwargs={**slot.kwargs, "download": False})
    try:
        loaded = slot.build().load(say)
    except UserError as error:
        return None, str(error).splitlines()[0].rstrip(":")
    return _training_split(found, loaded, say), ""


def training_samples(found: Look, train: Pool | None) -> tuple[int, str]:
    """Samples of an epoch, and where the number is from.

    train: the training split where it was read; else the published size, or a number that makes 100 steps.
    """
    if train is not None:
        return len(train), f"{len(train):,} training samples"
    slot, trainer = found.recipe.slots["data"], found.recipe.trainer
    known = KNOWN_SAMPLES.get(f"{slot.target.__module__}.{slot.name}")
    if known is None:
        return ASSUMED_STEPS * trainer.batch_size * trainer.accumulate, "assumed: the data are not here to be counted"
    labels = torch.arange(known) % found.facts.num_classes
    blank = Pool(torch.zeros(known, 1, 1, 1, dtype=torch.uint8), labels)
    count = len(_training_split(found, (blank, blank), lambda line: None))
    return count, f"{count:,} training samples, by the published size"


def _training_split(found: Look, pools: tuple[Pool, Pool | None], say: Callable[[str], None]) -> Pool:
    return split_data(found.recipe, found.facts, _Loaded(pools), say)["train"]
