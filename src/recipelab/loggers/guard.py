"""A logger is a mirror: when it fails or hangs, the run goes on without it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

PATIENCE_SECONDS = 120.0


class Logger(Protocol):
    """What the slot `logger` holds: anything with these three methods.

    open: called once, before the first step and again when a run is resumed; folder: the run record, in which the
    logger may make a folder of its own; config: the resolved recipe. A line that it returns is said.
    log: one row of the metrics file, by column name, and its step. Rows that the record has already (of a resumed run,
    of one that forked from another) are in its metrics.csv when `open` is called, and are not given again.
    A logger that has `image(name, path, step)`, too, is given the pictures of the results: PNG files of the record.
    close: called once, however the run ends; result: what result.json holds (final metrics when it went through). A
    line that it returns is said. It may take PATIENCE_SECONDS, or what its attribute `patience` says.
    """

    def open(self, folder: Path, config: dict[str, Any]) -> Any: ...
    def log(self, row: Mapping[str, float | None], step: int) -> None: ...
    def close(self, result: dict[str, Any]) -> Any: ...


class Guarded:
    """A logger whose first failure is said once and ends the logging, never the run.

    logger: the logger. say: what prints a line (the log). One that is still closing when its patience is over is left
    behind, and cut off by the end of the process.
    """

    def __init__(self, logger: Logger, say: Callable[[str], object]) -> None:
        self._logger: Logger | None = logger
        self._say = say
        self._patience = float(getattr(logger, "patience", PATIENCE_SECONDS))

    def open(self, folder: Path, config: dict[str, Any]) -> None:
        self._call("open", folder, config)

    def log(self, row: Mapping[str, float | None], step: int) -> None:
        self._call("log", row, step)

    def image(self, name: str, path: Path, step: int) -> None:
        if hasattr(self._logger, "image"):  # a logger need not show pictures
            self._call("image", name, path, step)

    def close(self, result: dict[str, Any]) -> None:
        """Close it in a thread of its own, which is left behind when it takes too long."""
        logger = self._logger
        closing = threading.Thread(target=self._call, args=("close", result), name="close logger", daemon=True)
        closing.start()
        closing.join(self._patience)
        self._logger = None
        if closing.is_alive():
            self._say(
                f"warning: logger {type(logger).__name__} has not closed after {self._patience:g} s; the run ends"
                " without it, metrics.csv has every row"
            )

    def _call(self, method: str, *arguments: Any) -> None:
        if self._logger is None:
            return
        try:
            said = getattr(self._logger, method)(*arguments)
        except Exception as error:  # whatever a logger may raise; Ctrl-C is no Exception
            name = type(self._logger).__name__
            self._logger = None
            self._say(
                f"warning: logger {name} failed in {method} ({type(error).__name__}: {error}); the run goes on"
                " without it, metrics.csv has every row"
            )
        else:
            if isinstance(said, str) and said:
                self._say(said)
