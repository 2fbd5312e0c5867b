"""A job: everything about a run that is known before its record is written. Whatever can be refused is refused here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from recipelab.commands.ask import Ask
from recipelab.commands.debug import one_batch
from recipelab.commands.look import look, tried_model
from recipelab.commands.resume import Resumed, find_unfinished
from recipelab.commands.task import tried_loss
from recipelab.config.check import Given, Recipe
from recipelab.config.identity import recipe_hash
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.data.overlap import shared_images
from recipelab.data.pool import Pool, require_facts
from recipelab.data.rows import Loading, Rows
from recipelab.data.splits import split
from recipelab.data.statistics import pool_statistics
from recipelab.data.stream import NAMED, Stream
from recipelab.data.workers import can_fork
from recipelab.loop.device import Execution, processes_here, resolve
from recipelab.loop.load_run import read_weights, state_digest
from recipelab.loop.ranks import ProcessGroup
from recipelab.loop.start_weights import digest_of

MOST_WORKERS = 16


@dataclass(frozen=True)
class Job:
    """A recipe with its data, ready to run.

    pools: train, val, test. digests: content of each split, and of initial weights. resumed: the record to go on
    with, or None.
    """

    recipe: Recipe
    facts: Facts
    pools: dict[str, Pool]
    digests: dict[str, str]
    execution: Execution
    resumed: Resumed | None = None

    @property
    def seed(self) -> int:
        """The run's seed, drawn by now."""
        assert self.recipe.run.seed is not None
        return self.recipe.run.seed

    def unreadable(self, ranks: ProcessGroup, say: Callable[[str], None]) -> int:
        """How many samples a rank could not read on the way, and left out; said when there are any. All ranks ask."""
        desks = {id(p.images.desk): p.images.desk for p in self.pools.values() if isinstance(p.images, Stream)}
        own = {text for desk in desks.values() for text in desk.failures.values()}
        found = set().union(*ranks.collect(own))
        for text in sorted(found - own)[: max(0, NAMED - len(own))]:
            say(f"left out: {text}")
        if found:
            say(f"left out {len(found):,} samples that cannot be read")
        return len(found)

    def close(self) -> None:
        """End the processes that read its data."""
        for pool in self.pools.values():
            if isinstance(pool.images, Rows):
                pool.images.close()

    @property
    def recipe_hash(self) -> str:
        """Identity of what is trained."""
        return recipe_hash(self.recipe.config, self.digests, self.execution.processes)


def prepare(ask: Ask, say: Callable[[str], None]) -> Job:
    """Compose, check, read and split the data, resolve every `auto`. Writes nothing but a cache of decoded images."""
    found = look(ask)
    for line in found.notes:
        say(line)
    tried_model(found.recipe.slots["model"], found.facts)
    tried_loss(found.recipe.slots["loss"], found.facts)
    pools = split_data(found.recipe, found.facts, found.source, say)
    facts = _measured(found.facts, pools["train"])
    recipe = found.recipe.with_facts(facts)
    digests = {name: pool.digest() for name, pool in pools.items()}
    if recipe.trainer.init_from and not found.resumed:
        digests["init"] = read_weights(recipe.trainer.init_from).digest
    elif recipe.model.weights and not found.resumed:
        digests["init"] = digest_of(recipe.model.weights)
    elif isinstance(given := recipe.slots["model"].target, Given):
        digests["init"] = state_digest(given.value.state_dict())
    job = Job(recipe, facts, pools, digests, found.execution, found.resumed)
    if recipe.trainer.resume == "auto" and (again := find_unfinished(found.ask, recipe, job.recipe_hash, say)):
        execution = resolve(again.trainer, input_dim=facts.input_dim, task=facts.task)
        job = replace(job, recipe=again.recipe.with_facts(facts), execution=execution, resumed=again)
    if job.resumed:
        job = replace(job, digests=job.resumed.recorded_digests(digests))
    return replace(job, recipe=job.recipe.with_seed())


def _measured(facts: Facts, train: Pool) -> Facts:
    """The facts with the training split's counts a class, and its mean and deviation where the recipe declares none."""
    if not train.targets.is_floating_point():
        counts = torch.bincount(train.targets, minlength=facts.num_classes).tolist()
        facts = replace(facts, class_counts=tuple(counts))
    if facts.mean is not None and facts.std is not None:
        return facts
    mean, std = pool_statistics(train)
    return replace(facts, mean=facts.mean or mean, std=facts.std or std)


def split_data(recipe: Recipe, facts: Facts, source: Any, say: Callable[[str], None]) -> dict[str, Pool]:
    """The splits of the recipe; for debug=overfit one batch in place of them all."""
    if recipe.data.fold == "all":
        raise UserError(
            "data.fold=all is a cross-validation, and not one run: recipelab.cross_validate, or data.fold=0"
        )
    keys = ("val_split", "test_split", "split_seed", "folds", "fold", "protocol", "limit")
    options = {key: getattr(recipe.data, key) for key in keys}
    loaded = source.load(say)
    _say_loading(recipe, [pool for pool in loaded if pool is not None], say)
    require_facts(facts, *loaded)
    for line in shared_images(*loaded[:2]):
        say(line)
    pools = split(*loaded, class_names=facts.class_names, **options)
    return one_batch(pools, recipe.trainer.batch_size) if recipe.trainer.debug == "overfit" else pools


def _say_loading(recipe: Recipe, pools: list[Pool], say: Callable[[str], None]) -> None:
    """Tell streamed images how they are read; say so, and say when there is nothing for workers to read."""
    asked = recipe.data.num_workers
    loading = Loading(_workers(asked, processes_here(recipe.trainer.devices)), recipe.data.prefetch)
    if any(isinstance(pool.images, Stream) for pool in pools):
        say(f"reading: {loading.workers} worker processes" if loading.workers else "reading: in this process")
    elif asked not in ("auto", 0):
        say(f"data.num_workers={asked}: the images are decoded already, so there is nothing for workers to read")
    for pool in pools:
        if isinstance(pool.images, Rows):
            pool.images.use(loading)


def _workers(asked: int | str, here: int) -> int:
    """As asked; auto: the cores that this process may use, at most 16, and none where processes cannot be forked.

    here: processes of the training on this machine, which share the cores.
    """
    if asked != "auto":
        return int(asked)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(1, cores // here), MOST_WORKERS) if can_fork() else 0
