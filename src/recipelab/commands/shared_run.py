"""The part of a run that all its processes go through: the training, and the evaluation at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from recipelab.commands.task import lower_is_better
from recipelab.core.facts import Facts
from recipelab.loop.fit import Best, Training, Writer
from recipelab.loop.lockbox import open_lockbox
from recipelab.loop.state import State
from recipelab.metrics.catalogue import TIE_BREAKER
from recipelab.records.record import Record

CHECKPOINTS: tuple[str, ...] = ("last", "best")


@dataclass(frozen=True)
class SharedRun:
    """What the first rank settles: the record, and the identity that every checkpoint carries (recipe, fingerprint).

    facts: of the data, as plain containers.
    """

    path: Path
    identity: dict[str, str]
    facts: dict[str, Any]


def plain_facts(facts: Facts) -> dict[str, Any]:
    """Facts as plain containers, for files."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(facts).items()}


def new_best(job: Job) -> Best:
    """No evaluation yet, of the metric and view that the recipe selects by."""
    metric = job.recipe.run.select_metric
    lower = lower_is_better(job.recipe, metric)
    return Best(metric, job.recipe.run.select_view, lower=lower, tie_metric=TIE_BREAKER[job.facts.task])


def chosen(job: Job, found: Mapping[str, Any]) -> str:
    """The checkpoint that the headline is read from: as selected, or the last where no evaluation was a best."""
    return job.recipe.run.select if job.recipe.run.select in found["val"] else "last"


def training(parts: Parts, state: State, best: Best, writer: Writer, shared: SharedRun) -> Training:
    """The training of assembled parts, from where `state` stands."""
    return Training(
        plan=parts.plan,
        state=state,
        train=parts.step,
        views=parts.views,
        loader=parts.epochs,
        validate=lambda twin: parts.measure(twin, "val"),
        writer=writer,
        best=best,
        stop=parts.stop,
        hooks=parts.hooks,
        identity={"facts": shared.facts, **shared.identity},
        watchers=parts.watchers,
    )


def to_the_end(parts: Parts, run: Callable[[], bool]) -> bool:
    """Run a training; none of the ranks goes on before the first has written the last checkpoint."""
    done = run()
    parts.device.ranks.barrier()
    return done


def lockbox(job: Job, parts: Parts, record: Record) -> dict[str, Any] | None:
    """Last and best, every view, on every split that may be opened; None when stopped on the way."""
    checkpoints = {name: record.load_checkpoint(name) for name in CHECKPOINTS if name in record.checkpoints()}
    weights = {name: {"raw": content["model"], **content["views"]} for name, content in checkpoints.items()}
    steps = {name: content["step"] for name, content in checkpoints.items()}
    splits = ["train", "val", *(["test"] if job.recipe.run.lockbox == "end" else [])]
    return open_lockbox(weights, steps, parts.views.load_state, parts.measure, splits)
