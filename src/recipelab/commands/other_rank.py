"""The story of every rank but the first: the same training, without a record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from recipelab.commands.ask import Ask
from recipelab.commands.assemble import assemble, compile_model
from recipelab.commands.job import prepare
from recipelab.commands.plots import plot_results
from recipelab.commands.shared_run import SharedRun, chosen, lockbox, new_bests, to_the_end, training
from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.loop.cluster import Place
from recipelab.loop.device import Execution, applied
from recipelab.loop.ranks import Ranks, joined
from recipelab.loop.signals import StopRequest
from recipelab.loop.state import State
from recipelab.records.record import Record


@dataclass(frozen=True)
class RankSetup:
    """What the first rank tells the others: the words that make the same job, and what it has made of them."""

    ask: Ask
    execution: Execution
    recipe_hash: str


class NullWriter:
    """A training's writer that leaves nothing: the first rank writes for all."""

    def row(self, row: dict[str, float | int | None]) -> None:
        """Nothing."""

    def samples(self, step: int, values: Mapping[str, Any]) -> None:
        """Nothing."""

    def checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Nothing."""

    def progress(self, step: int, loss: float | None, images_per_second: float) -> None:
        """Nothing."""


def rank_main(place: Place, link: Connection) -> None:
    """A rank in a process that the first has started: take part, and tell it why when that cannot be done."""
    with StopRequest() as stop:
        try:
            link.send("ready")
            with joined(place) as ranks:
                _run_or_leave(ranks, stop, link)
        except KeyboardInterrupt:
            os._exit(130)


def _run_or_leave(ranks: Ranks, stop: StopRequest, link: Connection) -> None:
    """Leave at once on an error, without the goodbyes of a process group, which may wait for those who wait for us."""
    try:
        run_rank(ranks, stop)
    except Interrupted:
        pass  # the first rank says it
    except Exception as error:
        known = isinstance(error, (RunError, UserError))
        link.send((type(error).__name__, str(error) if known else f"{type(error).__name__}: {error}"))
        os._exit(1)


def run_rank(ranks: Ranks, stop: StopRequest) -> Path:
    """Take part in the first rank's training to its end; the path of its record.

    Raises Interrupted when all ranks have agreed to stop, RunError when this one cannot go on.
    """
    setup: RankSetup = ranks.tell()
    job = replace(prepare(setup.ask, lambda line: None), execution=setup.execution)
    if job.recipe_hash != setup.recipe_hash:
        raise RunError(f"rank {ranks.rank} finds other data than the first: all need the same folder")
    with contextlib.closing(job), applied(job.execution):
        parts = assemble(job, ranks.agreed(stop), ranks)
        compile_model(job, parts)
        shared: SharedRun = ranks.tell()
        bests = new_bests(job)
        state = State()
        if job.resumed:
            state = job.resumed.restore(parts.step, parts.views, bests, parts.plan, shared.identity)
        done = to_the_end(parts, training(parts, state, bests, NullWriter(), shared).run)
        record = Record.open(shared.path)
        found = lockbox(job, parts, record) if done else None
        if found is None or plot_results(job, parts, record, chosen(job, found), found) is None:
            raise Interrupted(parts.stop.signal_number or 0, f"recipelab train trainer.resume={shared.path}")
        job.unreadable(ranks, lambda line: None)
    return shared.path
