"""Where the trials of a search are kept, and the turns of the processes that share its folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

from recipelab.core.errors import UserError

BEAT_SECONDS = 10
GRACE_SECONDS = 60
LOST = 3  # times that a trial may lose its process before it counts as failed


@contextlib.contextmanager
def alone(folder: Path, what: str = "turn", seconds: float = 600.0) -> Iterator[None]:
    """A turn that one process at a time has, of all that share the folder. The system ends it with the process."""
    connection = sqlite3.connect(folder / f".{what}", timeout=seconds, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


def url_of(folder: Path) -> str:
    """The storage that a search has of itself: search.db in its folder."""
    return f"sqlite:///{(folder / 'search.db').resolve().as_posix()}"


def shown(url: str) -> str:
    """A storage's address without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def open_storage(url: str) -> RDBStorage:
    """An SQL storage of Optuna's, with a heartbeat. Raises UserError when it cannot be opened."""
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        told = shown(url)
    except ArgumentError:
        raise UserError(
            "--storage: an SQL storage of Optuna's is expected, such as sqlite:///FILE or"
            " postgresql://USER@HOST/NAME (others have no heartbeat, and lose trials of killed processes)"
        ) from None
    options = {"connect_args": {"timeout": 100}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    retry = RetryHeartbeatStaleTrialCallback(max_retry=LOST)
    try:
        return RDBStorage(
            url,
            engine_kwargs=options,
            heartbeat_interval=BEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            heartbeat_stale_trial_callback=retry,
        )
    except ImportError as error:
        raise UserError(f"--storage {told}: its driver is not installed: {str(error).splitlines()[0]}") from error
    except (SQLAlchemyError, RuntimeError, ValueError, optuna.exceptions.OptunaError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"--storage {told} cannot be opened: {reason}") from error
