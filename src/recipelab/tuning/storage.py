"""Where the trials of a search are kept, and the turns of the processes that share its folder."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

from recipelab.core.errors import RunError, UserError
from recipelab.tuning.address import read_address, reason, shown

BEAT_SECONDS = 10
GRACE_SECONDS = 60
LOST = 3  # times that a trial may lose its process before it counts as failed
TRIES, AGAIN_SECONDS = 20, 0.5  # while others make the tables of a new database


@contextlib.contextmanager
def alone(folder: Path, what: str = "turn", seconds: float = 600.0) -> Iterator[None]:
    """A turn that one process at a time has, of all that share the folder. The system ends it with the process."""
    connection = sqlite3.connect(folder / f".{what}", timeout=seconds, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn a storage that does not answer any more into a RunError that says what is safe."""
    try:
        yield
    except StorageInternalError as error:
        raise RunError(
            f"the storage of the search does not answer: {reason(error)}"
            "\n  what ran has left checkpoints; mend that, then the same command goes on"
        ) from error


def url_of(folder: Path) -> str:
    """The storage that a search has of itself: search.db in its folder."""
    return f"sqlite:///{(folder / 'search.db').resolve().as_posix()}"


def open_storage(address: str) -> RDBStorage:
    """An SQL storage of Optuna's, with a heartbeat. Raises UserError when it cannot be opened."""
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

    url = read_address(address)
    options = {"connect_args": {"timeout": 100}} if url.get_backend_name() == "sqlite" else {"pool_pre_ping": True}
    for attempt in range(TRIES):
        try:
            return _opened(url.render_as_string(hide_password=False), options)
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            if attempt + 1 < TRIES and _made_meanwhile(error):
                time.sleep(AGAIN_SECONDS)
                continue
            raise UserError(f"--storage {shown(url)} cannot be opened: {reason(error)}") from None
        except (SQLAlchemyError, RuntimeError, ValueError, optuna.exceptions.OptunaError) as error:
            raise UserError(f"--storage {shown(url)} cannot be opened: {reason(error)}") from None
    raise AssertionError("unreachable")


def _made_meanwhile(error: Exception) -> bool:
    """Whether another process makes the same tables at this moment: Optuna does not make them in one step."""
    return any(word in str(error) for word in ("already exists", "duplicate key", "UNIQUE constraint"))


def _opened(url: str, options: dict[str, Any]) -> RDBStorage:
    return RDBStorage(
        url,
        engine_kwargs=options,
        heartbeat_interval=BEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=LOST),
    )
