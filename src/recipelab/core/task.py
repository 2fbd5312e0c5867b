"""One training as a launcher starts it: plain values that go to another process, or machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

DONE, FAILED, USER_ERROR, BUSY = 0, 1, 2, 75
"""Exit codes of a task: done; the run failed; the recipe cannot be run; another process has it (EX_TEMPFAIL)."""


@dataclass(frozen=True)
class Task:
    """A trajectory to be trained, or gone on with.

    folder: of the trajectory, where its record is or will be. words: overrides of `recipelab train`, without output.
    views: that the record must carry. fork: (folder of the parent's trajectory, step), or None.
    log: file that takes what the process prints.
    """

    name: str
    title: str
    folder: str
    words: tuple[str, ...]
    views: tuple[str, ...]
    log: str
    fork: tuple[str, int] | None = None
    config_dir: str | None = None


Perform = Callable[[Task], int]
"""Trains a task to its end in this process and returns an exit code; a function that can be imported by its name."""


class Handle(Protocol):
    """A task that was started."""

    def poll(self) -> int | None:
        """Its exit code, or None while it runs; negative: ended by that signal."""

    def stop(self) -> None:
        """Ask it to stop after its step, with a checkpoint; returns at once."""


class Launcher(Protocol):
    """Where tasks run. slots: how many at once."""

    slots: int

    def start(self, task: Task) -> Handle:
        """Start a task, or queue it."""

    def close(self) -> None:
        """End what is left, when all is over."""
