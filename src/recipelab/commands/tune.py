"""`recipelab tune`: search over recipes with Optuna; the same command goes on, the test split is opened once."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.exceptions import StorageInternalError
from optuna.trial import Trial

from recipelab.commands.ask import Ask
from recipelab.commands.cell import perform
from recipelab.commands.evaluate import evaluate
from recipelab.commands.tune_plan import Composer
from recipelab.commands.tune_table import counts, drawn, shown_value, trials_table, write_tables
from recipelab.config.averages import view_names
from recipelab.config.tree import packaged_tree
from recipelab.core import atomic
from recipelab.core.errors import Interrupted, RunError, UserError, did_you_mean
from recipelab.core.plain import read_json, read_yaml
from recipelab.loop.signals import StopRequest
from recipelab.records.log import Log
from recipelab.records.places import new_folder
from recipelab.records.record import Record
from recipelab.studies.local import LocalLauncher
from recipelab.studies.task import Task
from recipelab.tuning.book import Book, alone, shown, url_of
from recipelab.tuning.charts import charts
from recipelab.tuning.definition import Asked, Search, pruner_name, read_search, seconds
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Outcome, Row, outcome, plain
from recipelab.tuning.pruners import make_pruner
from recipelab.tuning.runner import Runner, Running
from recipelab.tuning.samplers import Sampling


@dataclass(frozen=True)
class Order:
    """How a search is to be run.

    jobs: trials at once. retry: how often a trial whose process dies is begun again. storage: URL of an SQL storage of
    Optuna's; None: a file in the search's folder. name: of the search in its storage, and of its folder.
    """

    jobs: int = 1
    retry: int = 1
    storage: str | None = None
    name: str | None = None
    output: str = "outputs/searches"
    config_dir: str | None = None
    quiet: bool = False


def tune(*words: str, dry_run: bool = False, **order: Any) -> Outcome | None:
    """Search, or go on with a search; the same as `recipelab tune`.

    words: perhaps first the name of a search of the package or of config_dir, or a yaml file; then overrides: a key
    with several values (optimizer.lr=log(0.01,1), model=cnn,mlp) is drawn, another goes to all trials, and search.KEY,
    trials, timeout, sampler and pruner change the search. dry_run: check it, print what it is, and run nothing.
    order: fields of `Order`. Returns what the trials came to, or None for a dry run. Raises UserError before anything
    is run, RunError when no trial has finished, Interrupted when asked to stop.
    """
    asked_order = Order(**order)
    if asked_order.jobs < 1 or asked_order.retry < 0:
        raise UserError(
            f"--jobs {asked_order.jobs} --retry {asked_order.retry}: at least one trial at once, no negative"
        )
    content, title, overrides = _find(words, asked_order)
    log = Log(quiet=asked_order.quiet)
    asked = read_search(content, overrides)
    search = asked.search
    sampling = Sampling(search.sampler, asked.params, len(search.metrics))
    pruner = make_pruner(pruner_name(search), search.pruner)
    composer = Composer(asked, asked_order.config_dir)
    found = composer.check()
    objective = composer.settle_objective(found)
    limit = min(search.trials, sampling.limit or search.trials)
    _say_opening(asked, objective, sampling, limit, log)
    if dry_run:
        return None
    folder = _open(asked_order, title, search, overrides, log)
    url = asked_order.storage or url_of(folder)
    directions = [goal.direction for goal in objective.goals]
    book = Book(folder, url, title, directions=directions, limit=limit, retry=asked_order.retry, pruner=pruner)
    with alone(folder):
        pinned = composer.pin(found, asked_order.jobs)
        composer.pinned = book.define({**asked.identity(), "pinned": pinned})["pinned"]
    log(f"storage: {shown(url)}")
    _execute(book, composer, objective, sampling, asked_order, log, _again(words, asked_order))
    return _end(book, composer, objective, asked_order, log)


def _find(words: Sequence[str], order: Order) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """The content of the search file that is named first, if one is; the search's name; the overrides."""
    if words and "=" not in words[0]:
        content, title = _file(words[0], order.config_dir)
        return content, order.name or title, tuple(words[1:])
    title = f"search_{hashlib.sha256(chr(0).join(sorted(_lasting(words))).encode()).hexdigest()[:8]}"
    return {}, order.name or title, tuple(words)


def _lasting(words: Sequence[str]) -> list[str]:
    """The words that make a search what it is; more trials or another sampler go on with the same."""
    passing = ("trials", "timeout", "sampler", "pruner", "importance")
    return [w for w in words if w.removeprefix("search.").partition("=")[0].split(".")[0] not in passing]


def _file(name: str, config_dir: str | None) -> tuple[dict[str, Any], str]:
    trees = [Path(config_dir)] if config_dir else []
    places = [Path(name)] if name.endswith((".yaml", ".yml")) else []
    places += [tree / "search" / f"{name}.yaml" for tree in (*trees, packaged_tree())]
    for path in places:
        if path.is_file():
            content = read_yaml(path)
            if not isinstance(content, dict):
                raise UserError(f"{path} is no search: keys and values are expected")
            return content, path.stem
    known = sorted({f.stem for tree in (*trees, packaged_tree()) for f in (tree / "search").glob("*.yaml")})
    raise UserError(
        f"search {name}: there is none of that name{did_you_mean(name, known)}\n  searches: {', '.join(known)}"
    )


def _again(words: Sequence[str], order: Order) -> str:
    """The command that goes on."""
    parts = ["recipelab", "tune", *words]
    parts += [f"--jobs={order.jobs}"] if order.jobs > 1 else []
    parts += [f"--retry={order.retry}"] if order.retry != Order.retry else []
    parts += [f"--storage={shown(order.storage)}"] if order.storage else []
    parts += [f"--name={order.name}"] if order.name else []
    parts += [f"--output={order.output}"] if order.output != Order.output else []
    parts += [f"--config-dir={order.config_dir}"] if order.config_dir else []
    return shlex.join(parts)


def _say_opening(asked: Asked, objective: Objective, sampling: Sampling, limit: int, log: Log) -> None:
    search = asked.search
    if search.question:
        log(search.question)
    for param in asked.params:
        ways = " | ".join(map(str, param.levels)) if param.levels is not None else _range(param.distribution)
        log(f"  {param.name}: {ways}{f'  (with {param.when})' if param.when else ''}")
    goals = ", ".join(
        f"{g.direction} {f'{search.view} validation ' if g.column else ''}{g.name}" for g in objective.goals
    )
    size = f" (all there are of {search.trials})" if limit < search.trials else ""
    log(f"{limit} trials{size}, {goals}, {search.at} evaluation; sampler {sampling.name}, pruner {pruner_name(search)}")


def _range(distribution: Any) -> str:
    step = f", step {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{step}{', logarithmic' if distribution.log else ''}"


def _open(order: Order, title: str, search: Search, overrides: Sequence[str], log: Log) -> Path:
    """The search's folder, with what it is."""
    folder = Path(order.output) / title
    if not folder.is_dir():
        new_folder(folder.parent, folder.name)
    (folder / "logs").mkdir(exist_ok=True)
    log.attach(folder / "search.log")
    written = {key: value for key, value in vars(search).items() if value not in (None, [], {}, "")}
    text = yaml.safe_dump({**written, "overrides": list(overrides)}, sort_keys=False, allow_unicode=True)
    atomic.write_text(folder / "search.yaml", text)
    return folder


def _execute(
    book: Book,
    composer: Composer,
    objective: Objective,
    sampling: Sampling,
    order: Order,
    log: Log,
    again: str,
) -> None:
    """Run trials until there are enough, or the time is up."""
    launcher = LocalLauncher(perform, order.jobs)

    def start(one: Running) -> Any:
        views = tuple(view_names(Ask(one.words, None, order.config_dir).recipe().averaging))
        name = one.folder.name
        task = Task(
            name=name,
            title=f"trial {name}",
            folder=str(one.folder),
            words=one.words,
            views=views,
            log=str(_log_of(book, one)),
            config_dir=order.config_dir,
        )
        return launcher.start(task)

    began, timeout = time.monotonic(), seconds(composer.asked.search.timeout)
    teller = _Teller(book, objective, log)
    with StopRequest() as stop, book:
        try:
            Runner(
                book,
                composer.asked.params,
                objective,
                sampling.at,
                composer.words,
                start,
                given=composer.given(),
                slots=order.jobs,
                tell=teller,
                said=lambda one: _error_in(_log_of(book, one)),
                over=lambda: timeout is not None and time.monotonic() - began >= timeout,
                stop=lambda: bool(stop),
            ).run()
        except StorageInternalError as error:
            raise RunError(f"the storage of the search cannot be used: {error.__cause__ or error}") from error
        finally:
            launcher.close()
    if stop:
        log(f"interrupted; what ran has left checkpoints; go on with: {again}")
        raise Interrupted(stop.signal_number or 0, again)


def _log_of(book: Book, one: Running) -> Path:
    return book.folder / "logs" / f"{one.folder.name}.log"


def _error_in(path: Path) -> str:
    """The last error in a log, with the lines that belong to it."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text.rpartition("error: ")[2].strip() if "error: " in text else ""


class _Teller:
    """Says a line for every start and end of a trial."""

    def __init__(self, book: Book, objective: Objective, log: Log) -> None:
        self.book, self.objective, self.log = book, objective, log

    def __call__(self, event: str, trial: Trial, text: str) -> None:
        number = self.book.origin_of(trial)
        if event in ("start", "again"):
            how = "begins" if event == "start" else "goes on"
            self.log(f"trial {number} {how}: {drawn(Row(number, '', (), trial.params, 0, 0))}")
        elif event == "finished":
            values = self.book.study.get_trials(deepcopy=False)[trial.number].values
            said = ", ".join(
                f"{g.name} {shown_value(g.name, v)}" for g, v in zip(self.objective.goals, values, strict=True)
            )
            self.log(f"trial {number}: {said}")
        else:
            because = text.splitlines()[0] if text else ""
            word = {"crashed": "its process died, to be gone on with", "refused": "cannot be"}.get(event, event)
            self.log(f"trial {number} {because if event == 'pruned' else f'{word}: {because}'}")


def _end(book: Book, composer: Composer, objective: Objective, order: Order, log: Log) -> Outcome:
    """Open the lockbox for the winner, write everything, say what there is to do with it."""
    found = outcome(book, objective, composer.asked.search.importance)
    log(counts(found))
    if not found.best:
        reasons = "".join(f"\n  {r.splitlines()[0]}" for r in dict.fromkeys(row.reason for row in found.rows) if r)
        _write(book.folder, found, objective, [], {})
        raise RunError(f"no trial has finished{reasons}")
    log.table(trials_table(found, objective))
    notes: list[str] = []
    test: dict[str, Any] = {}
    if len(objective.goals) == 1 and book.over():
        test, note = _winner(book, found.row(found.best[0]), order)
        notes.append(note)
    elif len(objective.goals) > 1:
        notes.append(
            "several metrics have no one winner: the test split stays closed; recipelab evaluate RECORD opens it"
        )
    else:
        begun = book.begun()
        notes.append(
            "not all trials are over, so the test split stays closed; the same command goes on"
            + (f", and trials={begun} ends the search with those that began" if begun < book.limit else "")
        )
    if found.importances:
        log("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in found.importances.items()))
    best = found.row(found.best[0])
    words = composer.plain(best.params)
    _write_best(book.folder, words, order.config_dir)
    notes.append(f"trial {best.number}: {shlex.join(['recipelab', 'train', *words])}")
    for note in notes:
        log(note)
    _write(book.folder, found, objective, notes, test)
    _draw(book.folder, found, objective, composer.asked)
    log(f"search: {book.folder}; its best recipe: recipelab train --config {book.folder / 'best.yaml'}")
    return found


def _winner(book: Book, best: Row, order: Order) -> tuple[dict[str, Any], str]:
    """The winner's test result: measured now, counted in its record, unless that was done before."""
    path = book.folder / best.record
    if not (path / "result.json").is_file():
        return {}, f"the winner's record is not on this machine: trial {best.number}, {best.record}"
    with alone(book.folder, "lockbox", seconds=3600.0):
        record = Record.open(path)
        opened = int((record.result().get("lockbox") or {}).get("opened") or 0)
        kept = sorted((path / "evaluations").glob("*_test.json"))
        if opened and kept:
            row = _read_row(kept[0])
        else:
            made = evaluate(str(path), split="test", config_dir=order.config_dir, quiet=True)
            row, opened = made.rows[-1], opened + 1
    metrics: Mapping[str, Any] = row["metrics"]
    said = ", ".join(f"{k} {shown_value(k, v)}" for k, v in metrics.items() if k in ("accuracy", "nll", "mae", "rmse"))
    test = {"trial": best.number, "checkpoint": row["checkpoint"], "view": row["view"], **metrics}
    return {"test": test, "opened": opened}, f"test split, opened for the winner alone: {said}"


def _read_row(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = read_json(path)["rows"][-1]
    return row


def _write_best(folder: Path, words: Sequence[str], config_dir: str | None) -> None:
    """best.yaml: the winner's recipe, complete, to be trained by --config."""
    config = Ask(tuple(words), None, config_dir).recipe().config
    head = f"# The best recipe of a search: {shlex.join(['recipelab', 'train', *words])}\n"
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    atomic.write_text(folder / "best.yaml", head.replace("\r", " ") + text)


def _write(folder: Path, found: Outcome, objective: Objective, notes: list[str], test: Mapping[str, Any]) -> None:
    atomic.write_json(folder / "summary.json", {"schema": 1, "kind": "search", **plain(found, objective), **test})
    write_tables(found, objective, folder, notes)


def _draw(folder: Path, found: Outcome, objective: Objective, asked: Asked) -> None:
    """figures/: the course, the importances, slices, parallel coordinates."""
    from recipelab.figures.pictures import write

    for chart in charts(found, objective, asked.params):
        (folder / "figures").mkdir(exist_ok=True)
        write(chart, folder / "figures" / f"{chart.name}.png")
