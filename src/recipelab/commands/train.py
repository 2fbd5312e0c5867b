"""`recipelab train`: the story of one run, top to bottom."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from recipelab.commands.ask import Ask, ask_with_objects
from recipelab.commands.assemble import Parts, assemble, compile_model
from recipelab.commands.debug import profiled
from recipelab.commands.groups import groups_table
from recipelab.commands.job import Job, prepare
from recipelab.commands.other_rank import run_rank
from recipelab.commands.plots import plot_results
from recipelab.commands.process_group import process_group
from recipelab.commands.screen import Screen, result_table, say_opening, wants_bar
from recipelab.commands.shared_run import (
    SharedRun,
    begin_ledger,
    chosen,
    lockbox,
    new_bests,
    plain_facts,
    to_the_end,
    training,
)
from recipelab.commands.stored import open_store, store_line, stored
from recipelab.config.identity import fingerprint_hash
from recipelab.config.objects import objects_in
from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.loggers.guard import Logger
from recipelab.loggers.several import Mirror, guarded
from recipelab.loop.best import Bests
from recipelab.loop.cluster import Place, detect
from recipelab.loop.device import applied, fingerprint
from recipelab.loop.hooks import Hooks
from recipelab.loop.load_run import Run, load_run
from recipelab.loop.ranks import joined
from recipelab.loop.signals import StopRequest
from recipelab.loop.state import State
from recipelab.metrics.catalogue import PRIMARY
from recipelab.records.environment import describe
from recipelab.records.ledger import VALIDATION
from recipelab.records.log import Log
from recipelab.records.record import Record
from recipelab.records.resources import ResourceSampler


def train(
    *overrides: str,
    config: str | None = None,
    config_dir: str | None = None,
    quiet: bool = False,
    hooks: Sequence[object] = (),
    **objects: Any,
) -> Run:
    """Train one recipe and leave its record; the same as `recipelab train`.

    overrides: such as "model=resnet20", "trainer.epochs=10". config: a yaml file or record to start from.
    config_dir: a folder of the user's own yaml and modules. quiet: print nothing (the record's log has it all).
    hooks: objects that are told what happens, see `recipelab.loop.hooks`.
    objects: Python objects in the place of slots: model=module (trained in place), data=(train, test) or
        (train, test, val) of torch Datasets, loss=..., optimizer=a callable that takes parameters, and so on. A run
        with one says in its record that it is not repeatable from its config.
    Returns the run. Raises UserError before anything is written, RunError when a run cannot go on, Interrupted when
    it was asked to stop.
    """
    ask = ask_with_objects(Ask(tuple(overrides), config, config_dir), objects)
    told = Hooks(hooks)
    place = detect()
    if place and place.rank > 0:
        return load_run(_run_rank(place), config_dir=config_dir)
    log = Log(quiet=quiet)
    job = prepare(ask, log)
    with (
        contextlib.closing(job),
        applied(job.execution),
        StopRequest() as stop,
        process_group(job, ask, place, stop) as ranks,
    ):
        with ranks.blamed():
            parts = assemble(job, ranks.agreed(stop), ranks)
            built = _logger(job)  # the last that may refuse; nothing is written before it
            if reason := compile_model(job, parts):
                log(f"torch.compile could not be used; the run goes on without: {reason}")
                job = replace(job, execution=replace(job.execution, compile=False))
        record = open_record(job, log)
        ranks.if_lost(lambda reason: _failed(record, log, reason))
        again = shlex.join(["recipelab", "train", *ask.words(), f"trainer.resume={record.path}"])
        with record:
            start = _start(job, parts)  # a refused resume leaves its record as it was
            with (
                _resources(record, job) as resources,
                _opened(built, job, record, log) as logger,
                _ending(record, log, again),
                ranks.blamed(),
            ):
                result = _run(job, replace(parts, hooks=told), start, record, log, again, logger)
                unreadable = job.unreadable(ranks, log)
                told.call("after_run", {**record.result(), **_peaks(resources)})
                record.update_result(**_peaks(resources), unreadable_samples=unreadable, status="finished")
                log.table(result_table(result, job.recipe.data.protocol))
                log(f"record: {record.path}")
    return load_run(record.path, config_dir=config_dir)


def _run_rank(place: Place) -> Path:
    """The whole of another rank's run, among processes that torchrun or SLURM has started."""
    with StopRequest() as stop, joined(place) as ranks:
        return run_rank(ranks, stop)


def open_record(job: Job, log: Log) -> Record:
    """The record of the run, locked: the resumed one, or a new one under `output`."""
    recipe = job.recipe
    if job.resumed:
        record = job.resumed.record
        record.lock()
    else:
        name = f"{datetime.now():%Y%m%d-%H%M%S}_{recipe.slots['data'].name}_{recipe.slots['model'].name}_s{job.seed}"
        fold = f"_f{recipe.data.fold}" if recipe.data.folds else ""
        record = Record.create(Path(recipe.run.output), f"{name}{fold}".lower())
    log.attach(record.path / "train.log")
    return record


@dataclass
class Start:
    """Where a training begins, and as what.

    environment, execution: what environment.json says of the machine and of how the recipe runs on it.
    identity: recipe_hash and fingerprint.
    """

    state: State
    bests: Bests
    environment: dict[str, Any]
    execution: dict[str, Any]
    identity: dict[str, str]


def _start(job: Job, parts: Parts) -> Start:
    """The beginning, or where the resumed record stands; raises UserError when it cannot be gone on with."""
    environment = describe()
    execution = fingerprint(job.execution, environment, parts.step.optimizer.defaults.get("fused"))
    identity = {"recipe_hash": job.recipe_hash, "fingerprint": fingerprint_hash(execution)}
    bests, state = new_bests(job), State()
    if job.resumed:
        state = job.resumed.restore(parts.step, parts.views, bests, parts.plan, identity)
        job.resumed.record.metrics.truncate(state.row_step)
        job.resumed.record.ledger(VALIDATION).truncate(state.row_step)
    return Start(state, bests, environment, execution, identity)


def _run(
    job: Job, parts: Parts, start: Start, record: Record, log: Log, again: str, logger: Mirror | None
) -> dict[str, Any]:
    """From the record's first lines to the result: describe, train, open the lockbox."""
    began, before = time.perf_counter(), start.state.total_seconds
    if job.resumed:
        record.update_result(**job.resumed.headings(start.state))
        log(
            f"resumed at step {start.state.step}"
            + (f"; changed: {', '.join(job.resumed.changed)}" if job.resumed.changed else "")
        )
    _describe(job, parts, start, record)
    if parts.samples is not None:
        begin_ledger(job, parts, record)
    say_opening(log, job, parts)
    store = open_store(record, parts.views, parts.blocks, parts.plan, start.state.step)
    if line := store_line(job.recipe, parts.views.model, parts.blocks):
        log(line)
    if job.recipe.param_groups:
        log.table(groups_table(parts.step.optimizer, parts.step.base_lrs, parts.step.model))

    with Screen(record, log, logger, parts.plan, progress=wants_bar(job.recipe.run.progress)) as screen:
        shared = SharedRun(record.path, start.identity, plain_facts(job.facts))
        parts.device.ranks.tell(shared)
        run = training(parts, start.state, start.bests, screen, shared)
        run.store = store
        if parts.step.back_off is not None:
            parts.step.back_off.say = log
        profile = job.recipe.trainer.debug == "profile"
        done = to_the_end(parts, (lambda: profiled(run.run, record.path, log)) if profile else run.run)
        if run.stopped_early:
            log(f"stopped early after step {start.state.step}: see early_stopping in the recipe")
        found = lockbox(job, parts, record) if done else None
        drawn = plot_results(job, parts, record, chosen(job, found), found) if found else None
        if found is None or drawn is None:
            raise Interrupted(parts.stop.signal_number or 0, again)
        if logger is not None:
            for path in drawn:
                logger.image(path.stem, path, start.state.step)
        opened = (record.result().get("lockbox") or {}).get("opened", 0) + int("test" in found)
        result = {
            **_result(job, start.state, parts, found),
            **stored(record, store),
            "stopped_early": start.state.step if run.stopped_early else None,
            **({"out_of_memory": parts.step.back_off.events} if parts.step.back_off else {}),
            "lockbox": {"policy": job.recipe.run.lockbox, "opened": opened},
            "total_seconds": before + time.perf_counter() - began,
        }
        record.update_result(**result)
    return result


def _describe(job: Job, parts: Parts, start: Start, record: Record) -> None:
    """Write recipe, environment and headings into the record."""
    config = job.recipe.config  # less trainer.resume: who starts from this recipe anew does not go on with a record
    record.write_config({**config, "trainer": {**config["trainer"], "resume": None}})
    record.write_environment(
        {
            **start.environment,
            "execution": start.execution,
            "resolved": job.execution.overrides(),
            "facts": plain_facts(job.facts),
            "splits": {
                name: {"samples": len(pool), "sha256": job.digests[name], "storage": pool.storage}
                for name, pool in job.pools.items()
            },
            "initial_weights": job.digests.get("init"),
            "model": parts.summary.plain(),
            "shadowed": list(job.recipe.composed.shadowed),
        }
    )
    record.update_result(
        status="running",
        reason=None,
        **start.identity,
        model=job.recipe.slots["model"].name,
        data=job.recipe.slots["data"].name.lower(),
        task=job.facts.task,
        seed=job.seed,
        epochs=parts.plan.epochs(parts.plan.total),
        protocol=job.recipe.data.protocol,
        select=job.recipe.run.select,
        repeatable=not objects_in(job.recipe.config),
        parameters=parts.summary.parameters,
        flops=parts.summary.flops,
        activations=parts.summary.activations,
        **({"weights": parts.weights.plain()} if parts.weights else {}),
    )


def _result(job: Job, state: State, parts: Parts, found: dict[str, Any]) -> dict[str, Any]:
    """What a run came to: every measurement, the one that is its headline, and its speed."""
    run = job.recipe.run
    split, checkpoint = ("test" if "test" in found else "val"), chosen(job, found)
    headline = {"checkpoint": checkpoint, "view": run.select_view, "split": split}
    headline["metric"] = metric = PRIMARY[job.facts.task]
    headline[metric] = found[split][checkpoint][run.select_view][metric]
    return {
        **found,
        "headline": headline,
        "seconds": state.seconds,
        "images_per_second": parts.plan.samples_seen(state.step) / state.seconds if state.seconds else None,
    }


def _logger(job: Job) -> Logger | None:
    """The logger of the recipe. Raises UserError for one that cannot be, such as of a package that is missing."""
    slot = job.recipe.slots.get("logger")
    return slot.build() if slot else None


@contextlib.contextmanager
def _opened(built: Logger | None, job: Job, record: Record, log: Log) -> Iterator[Mirror | None]:
    """The logger at work, and closed however the run has ended, so that what it holds back is written."""
    if built is None:
        yield None
        return
    logger = guarded(built, log)
    logger.open(record.path, job.recipe.config)
    try:
        yield logger
    finally:
        logger.close(record.result())


@contextlib.contextmanager
def _resources(record: Record, job: Job) -> Iterator[ResourceSampler]:
    """Sample memory, utilisation and power beside the run."""
    device = "cuda:0" if job.execution.accelerator == "cuda" else "cpu"
    sampler = ResourceSampler(record.path / "resources.csv", device=device)
    sampler.start()
    try:
        yield sampler
    finally:
        sampler.stop()


def _peaks(resources: ResourceSampler) -> dict[str, Any]:
    return {f"peak_{name}": value for name, value in resources.peak().items()}


@contextlib.contextmanager
def _ending(record: Record, log: Log, again: str) -> Iterator[None]:
    """Whatever ends the run, the record says how."""
    try:
        yield
    except Interrupted as stopped:
        record.update_result(status="interrupted", reason=f"signal {stopped.signal_number}")
        log(f"interrupted; go on with: {again}")
        raise
    except KeyboardInterrupt:
        record.update_result(status="interrupted", reason="ended at once by a second Ctrl-C")
        raise
    except Exception as error:
        known = isinstance(error, (RunError, UserError))
        _failed(record, log, str(error) if known else f"{type(error).__name__}: {error}")
        raise


def _failed(record: Record, log: Log, reason: str) -> None:
    with contextlib.suppress(RunError):  # a full disk may refuse this, too
        record.update_result(status="failed", reason=reason)
    log(f"failed: {reason}")
