"""The launcher on a cluster that SLURM runs, by submitit: a job a training, checkpointed when its time is up.

SLURM's own limits say how many run at once. Without SLURM, `cluster=local` runs jobs on this machine, as submitit does.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import submitit

from recipelab.core.errors import UserError
from recipelab.core.task import Handle, Perform, Task


class SlurmLauncher:
    """Submits up to `slots` jobs at once. options: keywords of `submitit.AutoExecutor`'s parameters, and `cluster`."""

    def __init__(self, perform: Perform, slots: int, folder: Path, options: dict[str, Any]) -> None:
        self.slots = slots
        self._perform = perform
        cluster = options.pop("cluster", None)
        self._executor = submitit.AutoExecutor(folder=folder / "%j", cluster=cluster)
        try:
            self._executor.update_parameters(**{"timeout_min": 24 * 60, "name": "recipelab", **options})
        except (NameError, TypeError, ValueError) as error:
            raise UserError(f"--option: submitit takes no such keywords: {error}") from error
        self._jobs: list[_Job] = []

    def start(self, task: Task) -> Handle:
        """Submit a job."""
        job = _Job(self._executor.submit(self._perform, task))
        self._jobs.append(job)
        return job

    def close(self) -> None:
        """Cancel what has not ended."""
        for job in self._jobs:
            if job.poll() is None:
                job.stop()


class _Job:
    def __init__(self, job: Any) -> None:
        self._job = job

    def poll(self) -> int | None:
        if not self._job.done():
            return None
        try:
            return int(self._job.result())
        except Exception:  # ended without an answer: out of memory, cancelled, a node that went away
            return 1

    def stop(self) -> None:
        with contextlib.suppress(Exception):  # it may have ended meanwhile
            self._job.cancel(check=False)
