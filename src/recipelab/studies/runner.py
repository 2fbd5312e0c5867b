"""The runner: every missing training of a plan, by a launcher; the same call goes on after any stop.

What is finished is told from the records alone, so a study has no state of its own that could disagree with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipelab.core.task import BUSY, DONE, Handle, Launcher, Task
from recipelab.studies.plan import Plan, Trajectory
from recipelab.studies.state import Standing, standing

POLL_SECONDS = 0.2
BUSY_SECONDS = 5.0


@dataclass
class Outcome:
    """What a run of the runner came to, by names of trajectories."""

    finished: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


@dataclass
class Runner:
    """Runs a plan in `folder`.

    task: makes the task of a trajectory. retry: how often a training that failed is tried again.
    tell: is told (event, trajectory, reason) of every start, end, failure and wait. tick: called at every look around
    with what runs. stop: says whether to stop; what runs then leaves a checkpoint.
    """

    folder: Path
    plan: Plan
    launcher: Launcher
    task: Callable[[Trajectory], Task]
    retry: int = 0
    tell: Callable[[str, Trajectory, str], None] = lambda event, trajectory, reason: None
    tick: Callable[[Sequence[Trajectory]], None] = lambda running: None
    stop: Callable[[], bool] = lambda: False

    def run(self) -> Outcome:
        """Train what is missing. Returns when all is finished or failed, or, after a stop, when nothing runs."""
        outcome = Outcome()
        tries: dict[str, int] = {}
        todo = self._missing(outcome)
        running: dict[str, tuple[Trajectory, Handle]] = {}
        later: dict[str, float] = {}
        try:
            while (todo or running) and not self.stop():
                for trajectory in list(todo):
                    if not self._free(running):
                        break
                    if not self._may_start(trajectory, outcome, later):
                        continue
                    todo.remove(trajectory)
                    running[trajectory.name] = (trajectory, self.launcher.start(self.task(trajectory)))
                    self.tell("start", trajectory, "")
                for name, (trajectory, handle) in list(running.items()):
                    code = handle.poll()
                    if code is None:
                        continue
                    del running[name]
                    if self._settle(trajectory, code, outcome, tries):
                        continue
                    todo.insert(0, trajectory)
                    later[name] = time.monotonic() + (BUSY_SECONDS if code == BUSY else 0.0)
                self.tick([trajectory for trajectory, _ in running.values()])
                time.sleep(POLL_SECONDS)
        finally:
            for _, handle in running.values():
                handle.stop()
            while any(handle.poll() is None for _, handle in running.values()):
                time.sleep(POLL_SECONDS)
            self.launcher.close()
        outcome.waiting = [t.name for t in (*todo, *(t for t, _ in running.values())) if t.name not in outcome.failed]
        return outcome

    def _missing(self, outcome: Outcome) -> list[Trajectory]:
        missing = []
        for trajectory in self.plan.trajectories:
            if standing(self.folder, trajectory).finished:
                outcome.finished.append(trajectory.name)
                self.tell("there", trajectory, "")
            else:
                missing.append(trajectory)
        return missing

    def _free(self, running: dict[str, tuple[Trajectory, Handle]]) -> int:
        return max(0, self.launcher.slots - len(running))

    def _may_start(self, trajectory: Trajectory, outcome: Outcome, later: dict[str, float]) -> bool:
        """Whether what it needs is there: the parent's checkpoint, or a parent that will never make one."""
        if time.monotonic() < later.get(trajectory.name, 0.0):
            return False
        fork = trajectory.fork
        if fork is None or self._stands(trajectory).begun:
            return True
        parent = next(t for t in self.plan.trajectories if t.name == fork.parent)
        found = self._stands(parent)
        return fork.step in found.kept or found.finished or fork.parent in outcome.failed

    def _stands(self, trajectory: Trajectory) -> Standing:
        return standing(self.folder, trajectory)

    def _settle(self, trajectory: Trajectory, code: int, outcome: Outcome, tries: dict[str, int]) -> bool:
        """Take note of an end. Returns whether the trajectory is done with; else it is to be tried again."""
        if code == BUSY:
            self.tell("busy", trajectory, "another process has it")
            return False
        found = self._stands(trajectory)
        if code == DONE and found.finished:
            outcome.finished.append(trajectory.name)
            self.tell("finished", trajectory, "")
            return True
        reason = found.reason or (f"ended by signal {-code}" if code < 0 else f"exit code {code}")
        tries[trajectory.name] = tries.get(trajectory.name, 0) + 1
        if tries[trajectory.name] <= self.retry:
            self.tell("again", trajectory, reason)
            return False
        outcome.failed[trajectory.name] = reason
        self.tell("failed", trajectory, reason)
        return True
