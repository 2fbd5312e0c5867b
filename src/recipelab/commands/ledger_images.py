"""The way back from a sample of a ledger to its image and file: by the data that the recipe names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.commands.ask import Ask
from recipelab.commands.job import split_data
from recipelab.core.errors import UserError
from recipelab.data.pool import Pool
from recipelab.loop.load_run import Run
from recipelab.records.ledger import Head


@dataclass(frozen=True)
class Samples:
    """The samples of a ledger. pool: the split; its order is the ledger's. class_names: by label, or none."""

    pool: Pool
    class_names: tuple[str, ...]

    def file(self, index: int) -> str:
        """The path of a sample below the data's root; empty where samples are no files."""
        return self.pool.names[index] if self.pool.names else ""

    def label(self, index: int) -> str:
        """The class of a sample, by name or by number."""
        label = int(self.pool.targets[index])
        return self.class_names[label] if self.class_names else str(label)

    def images(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """(K, H, W, C) as stored; None for what is no picture in bytes."""
        images = self.pool.subset(torch.from_numpy(indices)).in_memory().images
        assert isinstance(images, Tensor)
        if images.ndim != 4 or images.dtype != torch.uint8:
            return None
        found: NDArray[np.uint8] = images.numpy()
        return found


def samples_of(run: Run, head: Head, ask: Ask, say: Callable[[str], object]) -> Samples | None:
    """The samples of a run's ledger, read again from where its recipe, or `ask`, says that the data are.

    None, said with the reason, when they are not there, or no longer the same.
    """
    try:
        recipe = ask.recipe(base=run.path).with_facts(run.facts)
        pool = split_data(recipe, run.facts, recipe.slots["data"].build(), lambda line: None)[head.split]
    except UserError as error:
        if ask.overrides:
            raise
        say(f"no images and file names: {error}\n  where the data are now: data.root=FOLDER")
        return None
    if pool.digest() != head.sha256:
        if ask.overrides:
            raise UserError(f"{' '.join(ask.overrides)}: these are not the data that {run.path} was trained on")
        say("no images and file names: the data have changed since the run was trained")
        return None
    return Samples(pool, run.facts.class_names)
