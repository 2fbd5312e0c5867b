"""`recipelab tune`: search over recipes with Optuna; the same command goes on, the test split is opened once."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from recipelab.commands.ask import Ask
from recipelab.commands.cell import perform
from recipelab.commands.named_file import named_file
from recipelab.commands.tune_end import end
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
from recipelab.tuning.address import require_reachable, shown
from recipelab.tuning.book import Book
from recipelab.tuning.definition import Search, pruner_name, read_search, seconds
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Outcome
from recipelab.tuning.pruners import make_pruner
from recipelab.tuning.runner import Runner, Running
from recipelab.tuning.samplers import Sampling
from recipelab.tuning.storage import alone, answering, url_of


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
    if asked_order.storage is not None:
        require_reachable(asked_order.storage)
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
    say_opening(asked, objective, sampling, limit, log)
    if dry_run:
        return None
    folder = _open(asked_order, title, search, overrides, log)
    with answering():
        book = _book(folder, asked_order, title, objective, limit, pruner)
        with alone(folder):
            pinned = composer.pin(found, asked_order.jobs)
            composer.pinned = book.define({**asked.identity(), "pinned": pinned})["pinned"]
        log(f"storage: {shown(asked_order.storage or url_of(folder))}")
        _execute(book, composer, objective, sampling, asked_order, log, _again(words, asked_order))
        return end(book, composer, objective, asked_order.config_dir, log)


def _book(folder: Path, order: Order, title: str, objective: Objective, limit: int, pruner: Any) -> Book:
    directions = [goal.direction for goal in objective.goals]
    url = order.storage or url_of(folder)
    return Book(folder, url, title, directions=directions, limit=limit, retry=order.retry, pruner=pruner)


def _find(words: Sequence[str], order: Order) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """The content of the search file that is named first, if one is; the search's name; the overrides."""
    if words and "=" not in words[0]:
        content, title = named_file("search", "searches", words[0], order.config_dir)
        return content, order.name or title, tuple(words[1:])
    title = f"search_{hashlib.sha256(chr(0).join(sorted(_lasting(words))).encode()).hexdigest()[:8]}"
    return {}, order.name or title, tuple(words)


def _lasting(words: Sequence[str]) -> list[str]:
    """The words that make a search what it is; more trials or another sampler go on with the same."""
    passing = ("trials", "timeout", "sampler", "pruner", "importance")
    return [w for w in words if w.removeprefix("search.").partition("=")[0].split(".")[0] not in passing]


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
