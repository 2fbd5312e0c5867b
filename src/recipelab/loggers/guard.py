"""A logger is a mirror: when it fails, the run goes on without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol


class Logger(Protocol):
    """What the slot `logger` holds: anything with these three methods.

    open: called once, before the first step and again when a run is resumed; folder: the run record, in which the
    logger may make a folder of its own; config: the resolved recipe.
    log: one row of the metrics file, by column name, and its step.
    A logger that has `image(name, path, step)`, too, is given the pictures of the results: PNG files of the record.
    close: called once, however the run ends; result: what result.json holds (final metrics when it went through).
    """

    def open(self, folder: Path, config: dict[str, Any]) -> None: ...
    def log(self, row: Mapping[str, float | None], step: int) -> None: ...
    def close(self, result: dict[str, Any]) -> None: ...


class Guarded:
    """A logger whose first failure is said once and ends the logging, never the run.

    logger: the logger. say: what prints a line (the log).
    """

    def __init__(self, logger: Logger, say: Callable[[str], object]) -> None:
        self._logger: Logger | None = logger
        self._say = say

    def open(self, folder: Path, config: dict[str, Any]) -> None:
        self._call("open", folder, config)

    def log(self, row: Mapping[str, float | None], step: int) -> None:
        self._call("log", row, step)

    def image(self, name: str, path: Path, step: int) -> None:
        if hasattr(self._logger, "image"):  # a logger need not show pictures
            self._call("image", name, path, step)

    def close(self, result: dict[str, Any]) -> None:
        self._call("close", result)

    def _call(self, method: str, *arguments: Any) -> None:
        if self._logger is None:
            return
        try:
            getattr(self._logger, method)(*arguments)
        except Exception as error:  # whatever a logger may raise; Ctrl-C is no Exception
            name = type(self._logger).__name__
            self._logger = None
            self._say(
                f"warning: logger {name} failed in {method} ({type(error).__name__}: {error}); the run goes on"
                " without it, metrics.csv has every row"
            )
