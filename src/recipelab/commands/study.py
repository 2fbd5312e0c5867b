"""`recipelab study`: compile a study to the fewest trainings, run what is missing, say what the records prove."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from recipelab.commands.ask import Ask
from recipelab.commands.cell import perform
from recipelab.commands.look import look
from recipelab.commands.named_file import named_file
from recipelab.commands.study_plan import Planner
from recipelab.commands.study_table import draw, effects_table, say_claims, study_table, write_tables
from recipelab.commands.task import lower_is_better
from recipelab.core import atomic
from recipelab.core.errors import Interrupted, RunError, UserError, did_you_mean
from recipelab.core.plain import read_json
from recipelab.core.task import Task
from recipelab.loop.signals import StopRequest
from recipelab.metrics.catalogue import PRIMARY
from recipelab.records.log import Log
from recipelab.records.places import new_folder
from recipelab.studies.arms import Arm, arms_of, baselines_of
from recipelab.studies.definition import Study, read_study
from recipelab.studies.findings import Findings, findings, plain
from recipelab.studies.launchers import LAUNCHERS, launcher
from recipelab.studies.plan import Plan, Trajectory
from recipelab.studies.progress import Board
from recipelab.studies.runner import Outcome, Runner
from recipelab.studies.state import folder_of

STATE = "study.json"


@dataclass(frozen=True)
class Order:
    """How a study is to be run.

    jobs: trainings at once. retry: further tries of one that failed. mixed: give verdicts on runs that were executed
    differently. output: root folder; the study's own is below it.
    """

    launcher: str = "local"
    jobs: int = 1
    retry: int = 0
    mixed: bool = False
    output: str = "outputs/studies"
    config_dir: str | None = None
    quiet: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def study(name: str, *overrides: str, dry_run: bool = False, **order: Any) -> Findings | None:
    """Run a study, or go on with it; the same as `recipelab study`.

    name: a study of the package or of config_dir, or a yaml file. overrides: for every arm; scale=NAME, seeds=[...]
    and study.KEY=VALUE change the study itself. dry_run: print the plan and the command of every arm, and run nothing.
    order: fields of `Order`. Returns what the records prove, or None for a dry run. Raises UserError before anything
    is run, RunError when trainings failed (after all others have ended), Interrupted when asked to stop.
    """
    asked = Order(**order)
    content, title = named_file("study", "studies", name, asked.config_dir)
    return run_study(content, title, overrides, asked, dry_run=dry_run, again=["recipelab", "study", name, *overrides])


def run_study(
    content: dict[str, Any], title: str, overrides: Sequence[str], order: Order, *, dry_run: bool, again: Sequence[str]
) -> Findings | None:
    """A study from its file's content. title: name of its folder. again: the command that goes on with it."""
    log = Log(quiet=order.quiet)
    definition, words = read_study(content, overrides)
    arms = arms_of(definition, words)
    if order.launcher not in LAUNCHERS:
        hint = did_you_mean(order.launcher, LAUNCHERS)
        raise UserError(
            f"--launcher {order.launcher}: there is none of that name{hint}\n  launchers: {', '.join(LAUNCHERS)}"
        )
    if order.jobs < 1 or order.retry < 0:
        raise UserError(f"--jobs {order.jobs} --retry {order.retry}: at least one training at once, no negative retry")
    folder = Path(order.output) / (f"{title}_{definition.scale}" if definition.scale else title)
    state = _state(folder)
    planner = Planner(
        config_dir=order.config_dir, read=not dry_run, slots=order.jobs, say=log, pinned=state.get("pinned", {})
    )
    plan = planner.plan(arms, definition.seeds)
    if definition.question:
        log(definition.question)
    log(plan.summary())
    if dry_run:
        _print_plan(plan, arms, definition, log)
        return None
    plan = Plan(plan.asked, tuple(planner.pin(t) for t in plan.trajectories))
    metric = _metric(definition, plan, order.config_dir)
    first = plan.asked[0].recipe
    lower_is_better(first, metric)  # refused now where it cannot be told
    if "logger" in first.slots:
        first.slots["logger"].build()  # refused now, and not in every training
    with _written_to(folder, UserError):
        _open(folder, definition, words, {"pinned": planner.pinned, "trainings": _trainings(plan)}, log)
    outcome = _execute(folder, plan, order, log, again)
    found = findings(
        definition,
        plan,
        folder,
        metric=metric,
        higher=lambda name: not lower_is_better(first, name),
        baselines=baselines_of(definition, arms),
        mixed=order.mixed,
    )
    with _written_to(folder, RunError):
        _show(found, definition, folder, log)
    if outcome.failed:
        count = len(outcome.failed)
        reasons = "".join(f"\n  {reason.splitlines()[0]}" for reason in dict.fromkeys(outcome.failed.values()))
        raise RunError(f"{count} training{'s' * (count > 1)} failed; the rest is done{reasons}")
    return found


def _state(folder: Path) -> dict[str, Any]:
    """study.json of an earlier call, or nothing."""
    try:
        value = read_json(folder / STATE)
    except FileNotFoundError:
        return {}
    return value if isinstance(value, dict) else {}


def _trainings(plan: Plan) -> dict[str, Any]:
    """What is read from each training, by the name of its folder."""
    return {
        t.name: {"arms": list(dict.fromkeys(one.arm.name for one in t.serves)), "seed": t.serves[0].seed}
        for t in plan.trajectories
    }


def _open(folder: Path, definition: Study, words: Sequence[str], state: dict[str, Any], log: Log) -> None:
    """The study's folder, with what it is and how it is executed."""
    if not folder.is_dir():
        new_folder(folder.parent, folder.name)
    (folder / "logs").mkdir(exist_ok=True)
    log.attach(folder / "study.log")
    atomic.write_json(folder / STATE, {"schema": 1, **state})
    text = yaml.safe_dump({**_written(definition), "overrides": list(words)}, sort_keys=False, allow_unicode=True)
    atomic.write_text(folder / "study.yaml", text)


@contextlib.contextmanager
def _written_to(folder: Path, kind: type[UserError] | type[RunError]) -> Iterator[None]:
    """Turn a failure of the disk, or a folder that may not be written to, into an error that says what is safe."""
    try:
        yield
    except OSError as error:
        raise kind(
            f"study {folder} could not be written to ({error.strerror}); every training that has finished is kept"
            "\n  mend that, then the same command goes on"
        ) from error


def _written(definition: Study) -> dict[str, Any]:
    return {key: value for key, value in vars(definition).items() if value not in (None, [], {}, "")}


def _metric(definition: Study, plan: Plan, config_dir: str | None) -> str:
    """The metric that arms are compared by."""
    first = plan.asked[0]
    if definition.metric != "auto":
        return definition.metric
    return PRIMARY[look(Ask(first.arm.words, None, config_dir)).facts.task]


def _print_plan(plan: Plan, arms: Sequence[Arm], definition: Study, log: Log) -> None:
    """Every training with what is read from it, then every arm as the command that it is."""
    names = {t.name: t for t in plan.trajectories}
    for trajectory in plan.trajectories:
        arms_read = dict.fromkeys(f"{one.arm.name} ({trajectory.view_of(one)})" for one in trajectory.serves)
        fork = trajectory.fork
        begins = f", forks from [{names[fork.parent].title}] at step {fork.step:,} of {fork.total:,}" if fork else ""
        log(f"  seed {trajectory.serves[0].seed}: {'; '.join(arms_read)}{begins}")
    log("each arm by itself:")
    for arm in arms:
        log(f"  {arm.name}: {shlex.join(['recipelab', 'train', *arm.words, f'seed={definition.seeds[0]}'])}")


def _execute(folder: Path, plan: Plan, order: Order, log: Log, again: Sequence[str]) -> Outcome:
    """Run what is missing; the same plan goes on after any stop."""
    logs = folder / "logs"

    def task(trajectory: Trajectory) -> Task:
        fork = trajectory.fork
        return Task(
            name=trajectory.name,
            title=trajectory.title,
            folder=str(folder_of(folder, trajectory.name)),
            words=trajectory.words,
            views=trajectory.views,
            log=str(logs / f"{trajectory.name}.log"),
            fork=(str(folder_of(folder, fork.parent)), fork.step) if fork else None,
            config_dir=order.config_dir,
        )

    live = sys.stderr.isatty() and not order.quiet
    with StopRequest() as stop, Board(folder, plan, log, slots=order.jobs, live=live) as board:
        started = launcher(order.launcher, perform, order.jobs, folder, order.options)
        outcome = Runner(
            folder, plan, started, task, order.retry, tell=board.tell, tick=board.tick, stop=lambda: bool(stop)
        ).run()
    if stop:
        command = shlex.join(again)
        log(f"interrupted; what ran has left checkpoints; go on with: {command}")
        raise Interrupted(stop.signal_number or 0, command)
    return outcome


def _show(found: Findings, definition: Study, folder: Path, log: Log) -> None:
    """The table, the effects, the claims; the same into files of the study's folder."""
    log.table(study_table(found, definition))
    if found.effects:
        log.table(effects_table(found))
    say_claims(found, log)
    for note in found.notes:
        log(f"note: {note}")
    if found.missing:
        log(f"missing: {'; '.join(found.missing)}")
    atomic.write_json(folder / "summary.json", plain(found, folder))
    write_tables(found, folder)
    if found.lines:
        draw(folder)
    log(f"study: {folder}")
    if found.lines:
        log(f"its report: {shlex.join(['recipelab', 'report', str(folder)])}")
