"""Trainings that are stopped: at an exact place in this process, or as processes of their own that get real signals."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

from tiny_recipe import USER_TREE


def _place(name: str) -> tuple[Any, str]:
    """The function whose calls count the way to a place."""
    from recipelab.commands import train
    from recipelab.loop.step import TrainStep
    from recipelab.metrics.classification import ClassificationMetrics
    from recipelab.records.record import Record

    return {
        "step": (TrainStep, "__call__"),  # an optimizer step
        "evaluation": (ClassificationMetrics, "update"),  # a batch of an evaluation, the lockbox included
        "opening": (train, "say_opening"),  # the record is written, no step is taken
        "lockbox": (train, "lockbox"),
        "checkpoint": (Record, "save_checkpoint"),
        "fsync": (os, "fsync"),  # a file that is written, but does not have its name yet, or not for certain
        "replace": (os, "replace"),  # a file that is about to get its name
    }[name]


@contextlib.contextmanager
def at(place: str, count: int, action: Callable[[], object]) -> Iterator[list[int]]:
    """Do `action` at the beginning of the `count`-th call (from 1) of a place. Yields a list of one: the calls."""
    owner, name = _place(place)
    original, calls = getattr(owner, name), [0]

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == count:
            action()
        return original(*args, **kwargs)

    with mock.patch.object(owner, name, counted):
        yield calls


def send(number: int) -> Callable[[], None]:
    """An action: this process gets a signal."""
    return lambda: os.kill(os.getpid(), number)


def _main(arguments: Sequence[str], log: str, stop: tuple[str, int, int] | None) -> None:
    """The command line in a forked process, all it prints in a file, stopped by a signal at a place if so asked."""
    from recipelab.cli import main

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    with at(stop[0], stop[1], send(stop[2])) if stop else contextlib.nullcontext():
        code = main(arguments)
    sys.stdout.flush()
    os._exit(code)


class Trainings:
    """Real processes, forked from one that has everything imported: a start takes a moment, not seconds."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.log.touch()
        self._context = multiprocessing.get_context("forkserver")
        warm = ["recipelab.cli", "recipelab.commands.train", "lightning.fabric", "sklearn.datasets"]
        self._context.set_forkserver_preload(warm)

    def start(self, *overrides: str, stop: tuple[str, int, int] | None = None) -> ForkServerProcess:
        """`recipelab train OVERRIDES` in a process. stop: (place, count, signal), see `at`."""
        arguments = ["train", *overrides, f"--config-dir={USER_TREE}"]
        process = self._context.Process(target=_main, args=(arguments, str(self.log), stop))
        process.start()
        return process

    def run(self, *overrides: str, stop: tuple[str, int, int] | None = None) -> int:
        """The same, to its end: the exit code, or minus the signal that killed it."""
        return self.wait(self.start(*overrides, stop=stop))

    def wait(self, process: ForkServerProcess, seconds: float = 120.0) -> int:
        """The exit code of a process; it is killed when it does not end."""
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"still running after {seconds} seconds:\n{self.log.read_text()}")
        code = process.exitcode
        process.close()
        return code


def only_record(root: Path) -> Path:
    """The one record below a folder."""
    (path,) = root.iterdir()
    return path


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.002)


SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
