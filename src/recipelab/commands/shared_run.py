"""The part of a run that all its processes go through: the training, and the evaluation at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from recipelab.commands.task import lower_is_better
from recipelab.config.averages import view_names
from recipelab.core.facts import Facts
from recipelab.loop.best import Best, Bests, bests_of, kept_views
from recipelab.loop.fit import Training, Writer
from recipelab.loop.lockbox import open_lockbox
from recipelab.loop.state import State
from recipelab.metrics.catalogue import TIE_BREAKER
from recipelab.metrics.per_sample import PerSample
from recipelab.records.ledger import TEST, VALIDATION, Head, Values, at_checkpoint
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


def new_bests(job: Job) -> dict[str, Best]:
    """No evaluation yet of any view, by the metric that the recipe selects by."""
    metric = job.recipe.run.select_metric
    lower = lower_is_better(job.recipe, metric)
    return bests_of(view_names(job.recipe.averaging), metric, lower=lower, tie_metric=TIE_BREAKER[job.facts.task])


def chosen(job: Job, found: Mapping[str, Any]) -> str:
    """The checkpoint that the headline is read from: as selected, or the last where no evaluation was a best."""
    run = job.recipe.run
    return run.select if run.select_view in found["val"].get(run.select, {}) else "last"


def training(parts: Parts, state: State, bests: Bests, writer: Writer, shared: SharedRun) -> Training:
    """The training of assembled parts, from where `state` stands."""
    return Training(
        plan=parts.plan,
        state=state,
        train=parts.step,
        views=parts.views,
        loader=parts.epochs,
        validate=lambda twin, keep: parts.measure(twin, "val", keep=keep),
        writer=writer,
        bests=bests,
        stop=parts.stop,
        hooks=parts.hooks,
        identity={"facts": shared.facts, **shared.identity},
        watchers=parts.watchers,
        samples=parts.samples,
    )


def begin_ledger(job: Job, parts: Parts, record: Record) -> None:
    """Begin the record's ledger of the validation split, or find it, where the run goes on with one."""
    kind, samples = job.recipe.run.ledger, len(job.pools[VALIDATION])
    head = Head(kind, VALIDATION, samples, job.digests[VALIDATION], parts.views.names)
    record.ledger(VALIDATION).begin(head)


def to_the_end(parts: Parts, run: Callable[[], bool]) -> bool:
    """Run a training; none of the ranks goes on before the first has written the last checkpoint."""
    done = run()
    parts.device.ranks.barrier()
    return done


def lockbox(job: Job, parts: Parts, record: Record) -> dict[str, Any] | None:
    """Last and best, every view, on every split that may be opened; None when stopped on the way.

    The first rank keeps what became of the single test samples, where the run keeps a ledger.
    """
    kept = {name: kept_views(record, name) for name in CHECKPOINTS if name in record.checkpoints()}
    weights = {name: views for name, (views, _) in kept.items()}
    steps = {name: step for name, (_, step) in kept.items()}
    splits = ["train", "val", *(["test"] if job.recipe.run.lockbox == "end" else [])]
    keeper = _TestSamples(job, parts) if TEST in splits and job.recipe.run.ledger != "none" else None

    def measure(model: nn.Module, split: str, view: str, step: int) -> dict[str, Any] | None:
        if keeper is None or split != TEST:
            return parts.measure(model, split)
        return keeper.measure(model, view, step)

    found = open_lockbox(weights, steps, parts.views.load_state, measure, splits)
    if found is not None and keeper is not None and parts.device.ranks.rank == 0:
        record.ledger(TEST).write(*keeper.ledger(steps))
    return found


class _TestSamples:
    """Measures the test split, and keeps what became of its single samples."""

    def __init__(self, job: Job, parts: Parts) -> None:
        self.kind, self.parts = job.recipe.run.ledger, parts
        self.samples, self.sha256 = len(job.pools[TEST]), job.digests[TEST]
        self.kept: dict[tuple[str, int], Mapping[str, Any]] = {}  # (view, step) -> quantity -> (N,)

    def measure(self, model: nn.Module, view: str, step: int) -> dict[str, Any] | None:
        device = self.parts.device
        one = PerSample(self.kind, [view], self.samples, device.torch_device, device.ranks.sum)
        metrics = self.parts.measure(model, TEST, keep=one.of(view))
        if metrics is not None:
            self.kept[view, step] = one.read()[view]
        return metrics

    def ledger(self, steps: Mapping[str, Mapping[str, int]]) -> tuple[Head, list[tuple[int, Values]]]:
        """A row for each view of each checkpoint, in the order of their steps."""
        rows = [(step, at_checkpoint(v, name), v) for name, views in steps.items() for v, step in views.items()]
        head = Head(self.kind, TEST, self.samples, self.sha256, [name for _, name, _ in rows])
        return head, [(step, {name: self.kept[view, step]}) for step, name, view in sorted(rows)]
