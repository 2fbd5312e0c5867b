"""The processes of one run as a group: none but this one, those started here, or those torchrun or SLURM started.

The first rank is the run: it owns the record, prints, and gets the signals. It tells the others the recipe as it has
settled it (seed, record to go on with, every `auto`), and they train along (`commands/other_rank.py`).
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

from recipelab.commands.ask import Ask
from recipelab.commands.job import Job
from recipelab.commands.launcher import Launcher
from recipelab.commands.other_rank import RankSetup, rank_main
from recipelab.core.errors import UserError
from recipelab.loop.cluster import Place
from recipelab.loop.ranks import Alone, ProcessGroup, Ranks, joined, rendezvous_store
from recipelab.loop.signals import StopRequest


def process_group(job: Job, ask: Ask, place: Place | None, stop: StopRequest) -> AbstractContextManager[ProcessGroup]:
    """The ranks of a job, for as long as it runs.

    place: the first, among processes that something else has started; None: the others are started here.
    """
    processes = job.execution.processes
    if processes == 1:
        return contextlib.nullcontext(Alone())
    _refuse_undivided(job, ask)
    for name, pool in job.pools.items():
        if len(pool) < processes:
            raise UserError(f"trainer.devices={processes}: {name} has {len(pool)} samples, less than one a process")
    setup = RankSetup(settled(job, ask), job.execution, job.recipe_hash)
    return _found(place, setup) if place else _started(setup, shlex.join(["recipelab", "train", *ask.overrides]), stop)


def _refuse_undivided(job: Job, ask: Ask) -> None:
    """Raises UserError for what one process cannot hand to another: objects of its own."""
    devices = f"trainer.devices={job.execution.processes}"
    if ask.objects:
        names = ", ".join(ask.objects)
        raise UserError(
            f"{devices}: {names} was given as a Python object, which other processes do not have\n"
            "  fix: name its class by _target_, or trainer.devices=1"
        )


def settled(job: Job, ask: Ask) -> Ask:
    """The words by which another process prepares the same job: with the seed drawn, and the record found."""
    resumed = job.resumed
    start = resumed.ask if resumed else ask
    settled = (f"seed={job.seed}", f"trainer.resume={resumed.record.path if resumed else 'null'}")
    return replace(start, overrides=(*start.overrides, *settled))


@contextlib.contextmanager
def _found(place: Place, setup: RankSetup) -> Iterator[Ranks]:
    with joined(place) as ranks:
        ranks.tell(setup)
        yield ranks


@contextlib.contextmanager
def _started(setup: RankSetup, again: str, stop: StopRequest) -> Iterator[Ranks]:
    """Ranks as processes of this one, on this machine. Whatever ends the block ends them."""
    world = setup.execution.processes
    launcher = Launcher(world)
    store = rendezvous_store(world)
    try:
        launcher.start(rank_main, store.port)
        launcher.rendezvous(stop, again)
        with joined(Place(0, world, 0, world, "recipelab"), store, launcher) as ranks:
            try:
                ranks.tell(setup)
                yield ranks
            except BaseException:
                launcher.kill()
                raise
        launcher.finish()
    finally:
        launcher.end()
