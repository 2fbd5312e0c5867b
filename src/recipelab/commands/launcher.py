"""The other processes of a run: started here, watched, and ended with it, whatever ends it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from typing import Any, cast

from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.core.processes import start
from recipelab.loop.cluster import Place
from recipelab.loop.signals import StopRequest

# Seconds that this process gets to notice the loss of another by itself, before it is ended by force. On a CPU the next
# collective fails at once; on CUDA devices it may wait in vain, and no exception can reach it there.
GRACE = 15.0

# What the fork server imports once, so that a rank starts in a tenth of a second.
_WARM = ["recipelab.commands.other_rank", "lightning.fabric"]

Entry = Callable[[Place, connection.Connection], None]


class Launcher:
    """Ranks 1 to `world` - 1 of a run whose first rank is this process.

    last_words: called with the reason when this process has to be ended by force.
    """

    def __init__(self, world: int) -> None:
        self.world = world
        self.last_words: Callable[[str], None] = lambda reason: print(f"error: {reason}", file=sys.stderr)
        self._processes: list[ForkServerProcess] = []
        self._links: list[connection.Connection] = []
        self._fault: Exception | None = None
        self._lost, self._over = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="launcher", daemon=True)

    def start(self, enter: Entry, port: int) -> None:
        """Start the processes; each calls enter(place, link), and says through the link that it has come, or failed."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_WARM)
        for rank in range(1, self.world):
            link, theirs = context.Pipe(duplex=False)
            place = Place(rank, self.world, rank, self.world, "recipelab", port=port)
            process = context.Process(target=_begin, args=(enter, place, theirs, dict(os.environ)))
            start(process)
            theirs.close()
            self._processes.append(process)
            self._links.append(link)

    def rendezvous(self, stop: StopRequest, again: str) -> None:
        """Wait until all have come. Raises Interrupted when a stop is asked for meanwhile, or why one has not come."""
        waiting = {link: index for index, link in enumerate(self._links)}
        while waiting:
            if stop.signal_number is not None:
                raise Interrupted(stop.signal_number, again)
            for link in connection.wait(list(waiting), timeout=0.2):
                index = waiting.pop(cast(Any, link))
                if not self._is_ready(index):
                    self._raise(index, stop, again)
        self._watcher.start()

    def fault(self) -> Exception | None:
        """Why a rank was lost, if one was, or is found to be within two seconds."""
        self._lost.wait(2.0)
        return self._fault

    def finish(self) -> None:
        """Wait for the others to end by themselves."""
        for process in self._processes:
            process.join(30.0)

    def exit_codes(self) -> list[int | None]:
        """How the others have ended, None for one that still runs."""
        return [process.exitcode for process in self._processes]

    def kill(self) -> None:
        """End the others at once; they hold nothing that could be lost."""
        for process in self._processes:
            process.kill()

    def end(self) -> None:
        """Kill who is left, and stop watching."""
        self._over.set()
        self.kill()
        for process in self._processes:
            process.join()
        if self._watcher.is_alive() and threading.current_thread() is not self._watcher:
            self._watcher.join()

    def _is_ready(self, index: int) -> bool:
        try:
            return bool(self._links[index].recv() == "ready")
        except EOFError:
            return False

    def _raise(self, index: int, stop: StopRequest, again: str) -> None:
        self._processes[index].join(10.0)
        if stop.signal_number is not None:  # a signal to the whole group has reached the rank first
            raise Interrupted(stop.signal_number, again)
        code = self._processes[index].exitcode
        if code in (-signal.SIGTERM, -signal.SIGINT):
            raise Interrupted(-code, again)
        raise self._why(index)

    def _why(self, index: int) -> Exception:
        """What a rank said before it ended, or how it ended."""
        rank, code = index + 1, self._processes[index].exitcode
        link = self._links[index]
        with contextlib.suppress(EOFError, OSError):
            while link.poll():
                said = link.recv()
                if said != "ready":
                    kind, text = said
                    return UserError(text) if kind == "UserError" else RunError(f"rank {rank} failed: {text}")
        how = f"was killed by signal {-code} ({signal.Signals(-code).name})" if code and code < 0 else f"ended ({code})"
        return RunError(f"rank {rank} of {self.world} {how}; the last checkpoint is kept")

    def _watch(self) -> None:
        """Find out who is lost; then end the others, and this process too if it does not notice."""
        running = {process.sentinel: index for index, process in enumerate(self._processes)}
        while running and not self._over.is_set():
            for sentinel in connection.wait(list(running), timeout=0.2):
                index = running.pop(cast(int, sentinel))
                self._processes[index].join()
                if self._processes[index].exitcode != 0 and not self._lost.is_set():
                    self._fault = self._why(index)
                    self._lost.set()
                    self.kill()
        if self._lost.is_set() and not self._over.wait(GRACE):
            self.kill()
            self.last_words(str(self._fault))
            os._exit(1)


def _begin(enter: Entry, place: Place, link: connection.Connection, environment: Mapping[str, str]) -> None:
    """The beginning of a rank: its parent's environment, and an end as soon as the parent has none."""
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    enter(place, link)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
