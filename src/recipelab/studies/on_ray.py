"""The launcher on Ray: a task of one worker process a training; a cluster that runs already, or this machine."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import ray

from recipelab.core.task import Handle, Perform, Task


class RayLauncher:
    """Keeps up to `slots` trainings on Ray. Each gets an equal share of the machine's cores."""

    def __init__(self, perform: Perform, slots: int) -> None:
        self.slots = slots
        self._perform = perform
        self._ours = not ray.is_initialized()
        if self._ours:
            address = os.environ.get("RAY_ADDRESS")
            ray.init(address=address, log_to_driver=False, include_dashboard=False, ignore_reinit_error=True)
        cores = max(1.0, float(ray.cluster_resources().get("CPU", 1.0)) / slots)  # type: ignore[no-untyped-call, unused-ignore]
        # One worker a task: a training leaves nothing behind for the next.
        self._remote: Any = ray.remote(num_cpus=cores, max_calls=1, max_retries=0)(perform)
        self._running: list[_Task] = []

    def start(self, task: Task) -> Handle:
        """Hand a task to Ray."""
        running = _Task(self._remote.remote(task))
        self._running.append(running)
        return running

    def close(self) -> None:
        """Ask what runs to stop, wait, and end a Ray that this launcher has started."""
        for one in self._running:
            one.stop()
        if self._ours:
            ray.shutdown()


class _Task:
    def __init__(self, reference: Any) -> None:
        self._reference = reference
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None and ray.wait([self._reference], timeout=0)[0]:
            try:
                self._code = int(ray.get(self._reference))
            except Exception:  # the worker was lost
                self._code = 1
        return self._code

    def stop(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(Exception):
                ray.cancel(self._reference, force=False)  # raises KeyboardInterrupt in it: our loop's Ctrl-C
