"""`recipelab tune`: search over recipes with Optuna; the same command goes on, the test split is opened once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from recipelab.commands.ask import Ask
from recipelab.commands.cell import perform
from recipelab.commands.tune_end import end
from recipelab.commands.tune_order import Order, again_command, check_order, find
from recipelab.commands.tune_plan import Composer
from recipelab.commands.tune_say import Teller, say_opening
from recipelab.config.averages import view_names
from recipelab.core import atomic
from recipelab.core.errors import Interrupted, UserError
from recipelab.core.task import Task
from recipelab.loop.signals import StopRequest
from recipelab.records.log import Log
from recipelab.records.places import new_folder
from recipelab.studies.local import LocalLauncher
from recipelab.tuning.address import shown
from recipelab.tuning.book import Book
from recipelab.tuning.definition import Search, pruner_name, read_search, seconds
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Outcome
from recipelab.tuning.pruners import make_pruner
from recipelab.tuning.runner import Runner, Running
from recipelab.tuning.samplers import Sampling
from recipelab.tuning.storage import alone, answering, url_of


def tune(*words: str, dry_run: bool = False, **order: Any) -> Outcome | None:
    """Search, or go on with a search; the same as `recipelab tune`.

    words: perhaps first the name of a search of the package or of config_dir, or a yaml file; then overrides: a key
    with several values (optimizer.lr=log(0.01,1), model=cnn,mlp) is drawn, another goes to all trials, and search.KEY,
    trials, timeout, sampler and pruner change the search. dry_run: check it, print what it is, and run nothing.
    order: fields of `Order`. Returns what the trials came to, or None for a dry run. Raises UserError before anything
    is run, RunError when no trial has finished, Interrupted when asked to stop.
    """
    asked_order = Order(**order)
    check_order(asked_order)
    content, title, overrides, asked_order = find(words, asked_order)
    log = Log(quiet=asked_order.quiet)
    asked = read_search(content, overrides)
    search = asked.search
    sampling = Sampling(search.sampler, asked.params, len(search.metrics))
    pruner = make_pruner(pruner_name(search), search.pruner)
    composer = Composer(asked, asked_order.config_dir)
    found = composer.check()
    objective = composer.settle_objective(found)
    limit = min(search.trials, sampling.limit or search.trials)
    say_opening(asked, objective, sampling, limit, log)
    if dry_run:
        return None
    folder, new = _folder(asked_order, title, log)
    with answering():
        try:
            book = _book(folder, asked_order, title, objective, limit, pruner)
            with alone(folder):
                pinned = composer.pin(found, asked_order.jobs)
                composer.pinned = book.define({**asked.identity(), "pinned": pinned})["pinned"]
        except UserError:
            if new:
                shutil.rmtree(folder)
            raise
        _write_search(folder, search, overrides)
        log(f"storage: {shown(asked_order.storage or url_of(folder))}")
        _execute(book, composer, objective, sampling, asked_order, log, again_command(words, asked_order))
        return end(book, composer, objective, asked_order.config_dir, log)


def _book(folder: Path, order: Order, title: str, objective: Objective, limit: int, pruner: Any) -> Book:
    directions = [goal.direction for goal in objective.goals]
    url = order.storage or url_of(folder)
    return Book(folder, url, title, directions=directions, limit=limit, retry=order.retry, pruner=pruner)


def _folder(order: Order, title: str, log: Log) -> tuple[Path, bool]:
    """The search's folder, and whether it was made just now."""
    folder = Path(order.output) / title
    new = not folder.is_dir()
    if new:
        try:
            new_folder(folder.parent, folder.name)
        except UserError as error:
            raise UserError(str(error).replace("output=", "--output ")) from error
    (folder / "logs").mkdir(exist_ok=True)
    log.attach(folder / "search.log")
    return folder, new


def _write_search(folder: Path, search: Search, overrides: Sequence[str]) -> None:
    """search.yaml: what the search is."""
    written = {key: value for key, value in vars(search).items() if value not in (None, [], {}, "")}
    text = yaml.safe_dump({**written, "overrides": list(overrides)}, sort_keys=False, allow_unicode=True)
    atomic.write_text(folder / "search.yaml", text)


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
    teller = Teller(book, objective, log)
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
