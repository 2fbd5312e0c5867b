"""One training of a study in this process: begun, forked or gone on with, whichever its folder asks for."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path

from recipelab.commands.ask import Ask
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.core.task import BUSY, DONE, FAILED, USER_ERROR, Task
from recipelab.records.lock import Lock
from recipelab.studies import fork
from recipelab.studies.state import standing_in


def perform(task: Task) -> int:
    """Train a task to its end; the exit code says how it ended (`recipelab.core.task`).

    Its folder is locked meanwhile, so two studies over one folder never train the same recipe at once.
    """
    folder = Path(task.folder)
    lock = Lock(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except UserError as error:
        print(error, file=sys.stderr)
        return BUSY
    except OSError as error:
        print(f"error: {folder} could not be written to: {error.strerror}", file=sys.stderr)
        return FAILED
    try:
        _train(task, folder)
        return DONE
    except Interrupted as stopped:
        return 128 + stopped.signal_number
    except (UserError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR if isinstance(error, UserError) else FAILED
    finally:
        lock.release()


def _train(task: Task, folder: Path) -> None:
    there = standing_in(folder, task.views)
    if there.finished:
        return
    ask = Ask(task.words, None, task.config_dir)
    path = there.path
    if path is None and task.fork is not None:
        path = _forked(task, ask, folder)
    if path is None:
        place = str(folder).replace("'", "\\'")
        train(*task.words, f"output='{place}'", config_dir=task.config_dir, quiet=True)
    else:
        train(f"trainer.resume='{path}'", *ask.trusted(), config_dir=task.config_dir, quiet=True)


def _forked(task: Task, ask: Ask, folder: Path) -> Path | None:
    """A record that goes on from the parent's checkpoint; None when the parent has none, and all of it is trained."""
    assert task.fork is not None
    parent, step = standing_in(Path(task.fork[0]), ()).path, task.fork[1]
    if parent is None or not fork.can_fork(parent, step):
        return None
    for left in folder.glob(".fork.*"):  # of a process that was killed while it made one
        shutil.rmtree(left, ignore_errors=True)
    recipe = ask.recipe()
    config = {**recipe.config, "output": str(folder)}
    return fork.fork(parent, step, config, folder, f"{datetime.now():%Y%m%d-%H%M%S}_forked_s{recipe.run.seed}")
