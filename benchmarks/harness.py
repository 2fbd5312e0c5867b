"""A training through the product's own parts, with a rival that is measured between its epochs.

Everything is as in `recipelab train`: recipe, job, step, loader, evaluation, record, log, logger, resource sampler.
Only the writer is wrapped: after each row of metrics it lets the rival work, in the same process and memory, a second
after the epoch that it is compared with.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from recipelab.commands.ask import Ask
from recipelab.commands.assemble import Parts, assemble, compile_model
from recipelab.commands.job import Job, prepare
from recipelab.commands.screen import Row, Screen
from recipelab.commands.shared_run import begin_ledger
from recipelab.loggers.guard import Guarded
from recipelab.loop.best import bests_of
from recipelab.loop.device import applied
from recipelab.loop.fit import Training
from recipelab.loop.signals import StopRequest
from recipelab.loop.state import State
from recipelab.metrics.per_sample import Keep
from recipelab.records.log import Log
from recipelab.records.record import Record
from recipelab.records.resources import ResourceSampler

CONF = Path(__file__).parent / "conf"
Rival = Callable[[Job, Parts], Callable[[], None]]


@dataclass
class Clock:
    """Seconds of the training's parts, one value an epoch.

    training: first to last step. whole: from the end of the rival's turn before to the end of the row. evaluation,
    rows, checkpoints, ledger: every call.
    """

    training: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    evaluation: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    checkpoints: list[float] = field(default_factory=list)
    ledger: list[float] = field(default_factory=list)
    total: float = 0.0


class Between:
    """The loop's writer: the product's own, timed, and the rival after each row."""

    def __init__(self, screen: Screen, clock: Clock, rival: Callable[[], None]) -> None:
        self.screen, self.clock, self.rival = screen, clock, rival
        self.since = time.perf_counter()
        self.rival_seconds = 0.0

    def row(self, row: Row) -> None:
        """Write the row; then it is the rival's turn."""
        with timed(self.clock.rows):
            self.screen.row(row)
        self.clock.training.append(float(row["epoch_seconds"] or 0))
        self.clock.whole.append(time.perf_counter() - self.since)
        begin = time.perf_counter()
        self.rival()
        self.since = time.perf_counter()
        self.rival_seconds += self.since - begin

    def samples(self, step: int, values: Mapping[str, Any]) -> None:
        """Write the ledger's rows."""
        with timed(self.clock.ledger):
            self.screen.samples(step, values)

    def checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Write a checkpoint."""
        with timed(self.clock.checkpoints):
            self.screen.checkpoint(name, content)

    def progress(self, step: int, loss: float | None, images_per_second: float) -> None:
        """Move the bar, which is off."""
        self.screen.progress(step, loss, images_per_second)


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Append the seconds of the block."""
    begin = time.perf_counter()
    yield
    into.append(time.perf_counter() - begin)


def train_against(rival: Rival, overrides: list[str]) -> tuple[Clock, Job]:
    """Train, the rival taking its turn after every epoch. Returns the training's seconds, and the job.

    rival: gets the job and its parts before the first step, and returns what its turn does.
    overrides: of the recipe; `output` is a temporary folder.
    """
    clock, log = Clock(), Log(quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        output = ["progress=false", "seed=1", f"output={folder}"]
        job = prepare(Ask((*overrides, *output), config_dir=str(CONF)), log)
        with applied(job.execution), StopRequest() as stop:
            parts = assemble(job, stop)
            if reason := compile_model(job, parts):
                raise SystemExit(f"torch.compile failed: {reason}")
            turn = rival(job, parts)
            with Record.create(Path(folder), "benchmark") as record:
                _train(job, parts, record, log, Turns(clock, turn))
    return clock, job


@dataclass
class Turns:
    """The clock, and what the rival does in its turn."""

    clock: Clock
    rival: Callable[[], None]


def _train(job: Job, parts: Parts, record: Record, log: Log, turns: Turns) -> None:
    """The training phase of `recipelab train`, between an opened record and the lockbox."""
    log.attach(record.path / "train.log")
    begin_ledger(job, parts, record)
    logger = Guarded(job.recipe.slots["logger"].build(), log) if "logger" in job.recipe.slots else None
    if logger is not None:
        logger.open(record.path, job.recipe.config)
    sampler = ResourceSampler(record.path / "resources.csv", device=_sampled(job))
    sampler.start()
    with Screen(record, log, logger, parts.plan, progress=False) as screen:
        writer = Between(screen, turns.clock, turns.rival)
        begin = time.perf_counter()
        training = Training(
            plan=parts.plan,
            state=State(),
            train=parts.step,
            views=parts.views,
            loader=parts.epochs,
            validate=lambda twin, keep: _validated(parts, twin, keep, turns.clock),
            writer=writer,
            bests=bests_of(parts.views.names, "accuracy", lower=False, tie_metric="nll"),
            stop=parts.stop,
            identity={},
            samples=parts.samples,
        )
        done = training.run()
        turns.clock.total = time.perf_counter() - begin - writer.rival_seconds
    sampler.stop()
    if not done:
        print(f"stopped by signal {parts.stop.signal_number}", file=sys.stderr)
        raise SystemExit(128 + (parts.stop.signal_number or 0))


def _validated(parts: Parts, twin: torch.nn.Module, keep: Keep | None, clock: Clock) -> dict[str, Any] | None:
    with timed(clock.evaluation):
        return parts.measure(twin, "val", keep=keep)


def _sampled(job: Job) -> str:
    return "cuda:0" if job.execution.accelerator == "cuda" else "cpu"


@contextmanager
def plain_torch(device: torch.device) -> Iterator[None]:
    """torch's switches as a plain script has them, for the rival's turn; ours are put back."""
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark


def autocast(job: Job, device: torch.device) -> torch.autocast:
    """torch's own autocast at the job's precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=job.execution.precision == "bf16-mixed")


def settings(job: Job, parts: str) -> str:
    """How the training was executed, in words; `parts` first."""
    how = job.execution
    on = [name for name in ("channels_last", "compile", "deterministic") if getattr(how, name)]
    return ", ".join([parts, how.accelerator, how.precision, *on, f"{how.threads} threads"])
