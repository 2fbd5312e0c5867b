"""A failing logger is said once and ends no run."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from recipelab.loggers.guard import Guarded


class Recorder:
    """Writes down its calls; fails in the method it is told to."""

    def __init__(self, fails=None, error=RuntimeError):
        self.calls, self.fails, self.error = [], fails, error

    def _call(self, *call):
        self.calls.append(call)
        if call[0] == self.fails:
            raise self.error("disk on fire")

    def open(self, folder, config):
        self._call("open", folder, config)

    def log(self, row, step):
        self._call("log", row, step)

    def close(self, result):
        self._call("close", result)


CALLS = [("open", Path("x"), {"a": 1}), ("log", {"lr": 0.1}, 1), ("log", {"lr": 0.2}, 2), ("close", {"seconds": 1})]


def run(logger):
    said = []
    guarded = Guarded(logger, said.append)
    for name, *arguments in CALLS:
        getattr(guarded, name)(*arguments)
    return said


def test_a_working_logger_gets_every_call():
    logger = Recorder()
    assert run(logger) == []
    assert logger.calls == CALLS


@pytest.mark.parametrize(("method", "calls"), [("open", 1), ("log", 2), ("close", 4)])
def test_a_failure_is_said_once_and_ends_the_logging(method, calls):
    logger = Recorder(method)
    (said,) = run(logger)
    assert said == (
        f"warning: logger Recorder failed in {method} (RuntimeError: disk on fire); the run goes on without it,"
        " metrics.csv has every row"
    )
    assert logger.calls == CALLS[:calls]


def test_ctrl_c_passes():
    with pytest.raises(KeyboardInterrupt):
        run(Recorder("log", KeyboardInterrupt))


def test_what_a_logger_returns_is_said():
    class Says(Recorder):
        def open(self, folder, config):
            return "curves: there"

    assert run(Says()) == ["curves: there"]


def test_a_logger_that_hangs_at_the_end_is_left_behind():
    let_go = threading.Event()

    class Hangs(Recorder):
        patience = 0.2

        def close(self, result):
            let_go.wait(30)

    began = time.monotonic()
    (said,) = run(Hangs())
    assert time.monotonic() - began < 10
    assert said.startswith("warning: logger Hangs has not closed after 0.2 s; the run ends without it")
    let_go.set()
