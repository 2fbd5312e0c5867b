"""The launcher on this machine: processes forked from one server that has everything imported.

A fork starts in a tenth of a second where a new interpreter needs five. The server has only imported: no tensor was
made in it, no thread started, so that a forked run and one of its own give the same bits. Where there is no fork,
processes are spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from recipelab.core.processes import no_main_module, start
from recipelab.core.task import Handle, Perform, Task


def warm_up() -> None:
    """Start the server, which goes on importing by itself; nothing where it runs already, or where there is no fork."""
    if _forks():
        from multiprocessing import forkserver  # where there is no fork, there need be no such module

        multiprocessing.set_forkserver_preload(["recipelab.studies.preloaded"])
        with no_main_module():
            forkserver.ensure_running()


def _forks() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


class LocalLauncher:
    """Up to `slots` processes at once. warm: fork them from a server that is preloaded."""

    def __init__(self, perform: Perform, slots: int, *, warm: bool = True) -> None:
        self.slots = slots
        self._perform = perform
        self._context: Any = multiprocessing.get_context("forkserver" if warm and _forks() else "spawn")
        if warm:
            warm_up()
        self._running: list[_Process] = []

    def start(self, task: Task) -> Handle:
        """Start a process; its output goes to the task's log."""
        running = _Process(self._context, self._perform, task)
        self._running = [*(one for one in self._running if one.poll() is None), running]
        return running

    def close(self) -> None:
        """Ask all to stop, and wait until they have."""
        for one in self._running:
            one.stop()
        for one in self._running:
            one.join()


class _Process:
    """One task in a process of its own. It ends when this process does, however that comes about."""

    def __init__(self, context: Any, perform: Perform, task: Task) -> None:
        ours, theirs = context.Pipe()
        self._line: Connection = ours  # its other end reads an end of file when we are gone
        self._process = context.Process(target=_run, args=(perform, task, theirs), name=task.name)
        start(self._process)
        theirs.close()

    def poll(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._line.close()

    def join(self) -> None:
        self._process.join()


def _run(perform: Perform, task: Task, line: Connection) -> None:
    """The process of a task: own process group, so that Ctrl-C reaches only the study, which then stops its tasks."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _into_log(task.log)
    threading.Thread(target=_stop_when_alone, args=(line,), name="study", daemon=True).start()
    sys.exit(perform(task))


def _into_log(path: str) -> None:
    """Send what this process prints to a file, without losing what is there."""
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(handle, number)
    os.close(handle)


def _stop_when_alone(line: Connection) -> None:
    """Wait for the end of the study's end of the line; then ask this run to stop, as a signal would."""
    with contextlib.suppress(EOFError, OSError):
        line.recv_bytes()
    os.kill(os.getpid(), signal.SIGTERM)
