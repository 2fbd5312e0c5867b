"""Several loggers at once: each is given everything, whatever becomes of the others.

    recipelab train 'logger=[tensorboard,wandb]' logger.wandb.project=mine

A recipe holds each under a name of its own, `logger.wandb`; a name that is set to null is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recipelab.loggers.guard import Guarded, Logger

METHODS = ("open", "log", "close")


class Several:
    """Loggers by name, told one after the other, in their order.

    Raises TypeError for something that is no logger, ValueError when there is none.
    """

    def __init__(self, **loggers: Any) -> None:
        self.loggers: dict[str, Any] = {name: logger for name, logger in loggers.items() if logger is not None}
        if not self.loggers:
            raise ValueError("no logger is named; to have none, give logger=none")
        for name, logger in self.loggers.items():
            if missing := [method for method in METHODS if not hasattr(logger, method)]:
                raise TypeError(f"{name}={logger!r} is no logger: it has no {', '.join(missing)}")

    def open(self, folder: Path, config: dict[str, Any]) -> str | None:
        """Open each; returns what they say, a line each."""
        return _lines([logger.open(folder, config) for logger in self.loggers.values()])

    def log(self, row: Mapping[str, float | None], step: int) -> None:
        """Give the row to each."""
        for logger in self.loggers.values():
            logger.log(row, step)

    def image(self, name: str, path: Path, step: int) -> None:
        """Give the picture to each that takes pictures."""
        for logger in self.loggers.values():
            if hasattr(logger, "image"):
                logger.image(name, path, step)

    def close(self, result: dict[str, Any]) -> str | None:
        """Close each; returns what they say, a line each."""
        return _lines([logger.close(result) for logger in self.loggers.values()])


Mirror = Guarded | Several
"""What a run has: loggers that cannot end it."""


def guarded(logger: Logger, say: Callable[[str], object]) -> Mirror:
    """`logger` so that it cannot end a run; of several each by itself, so that the others go on when one fails."""
    if isinstance(logger, Several):
        return Several(**{name: Guarded(one, say) for name, one in logger.loggers.items()})
    return Guarded(logger, say)


def listed(loggers: list[Any] | tuple[Any, ...]) -> Several:
    """Several loggers by the names of their classes, the second of a class with a number."""
    named: dict[str, Any] = {}
    for logger in loggers:
        name = type(logger).__name__.lower()
        count = sum(other.rstrip("0123456789") == name for other in named)
        named[f"{name}{count + 1}" if count else name] = logger
    return Several(**named)


def _lines(said: list[Any]) -> str | None:
    return "\n".join(line for line in said if isinstance(line, str) and line) or None
