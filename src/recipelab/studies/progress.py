"""What a study shows while it runs: a line for each start and end, on a terminal a bar a run and one for the study."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from recipelab.studies.plan import Plan, Trajectory
from recipelab.studies.state import standing

WORDS = {
    "there": "finished before",
    "start": "started",
    "finished": "finished",
    "failed": "FAILED",
    "again": "failed, trying again",
    "busy": "waits",
}
LOOK_SECONDS = 1.0


class Board:
    """Follows a study through the records of its trainings.

    say: prints a line. live: draw bars on standard error.
    """

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None], *, slots: int, live: bool) -> None:
        self.folder, self.plan, self.say, self.slots = folder, plan, say, slots
        self.done = 0.0
        self._began = time.monotonic()
        self._looked = 0.0
        self._estimated = False
        self._spent: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}
        self._progress = _bars() if live else None

    def __enter__(self) -> Board:
        if self._progress is not None:
            self._progress.start()
            self._whole = self._progress.add_task("study", total=self.plan.equivalents, note="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def tell(self, event: str, trajectory: Trajectory, reason: str) -> None:
        """A training has started or ended."""
        if event == "start":
            self._spent[trajectory.name] = time.monotonic()
        if event in ("finished", "there", "failed"):
            self.done += trajectory.share
            self._shares.pop(trajectory.name, None)
            bar = self._bars.pop(trajectory.name, None)
            if bar is not None and self._progress is not None:
                self._progress.remove_task(bar)
        began = self._spent.get(trajectory.name)
        took = f" in {duration(time.monotonic() - began)}" if event == "finished" and began else ""
        because = f": {reason.splitlines()[0]}" if reason else ""
        self.say(f"{trajectory.title}: {WORDS[event]}{took}{because}")

    def tick(self, running: Sequence[Trajectory]) -> None:
        """Look at the records of what runs, once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for trajectory in running:
            told = standing(self.folder, trajectory).progress
            if not told or not told.get("total_steps"):
                continue
            share = float(told["step"]) / float(told["total_steps"])
            begin = 1 - trajectory.share
            self._shares[trajectory.name] = max(0.0, share - begin)
            if self._progress is not None:
                if trajectory.name not in self._bars:
                    self._bars[trajectory.name] = self._progress.add_task(trajectory.title, total=1.0, note="")
                self._progress.update(self._bars[trajectory.name], completed=share)
        self._estimate(now)

    def _estimate(self, now: float) -> None:
        """Say once how long all of it will take, and move the study's bar."""
        seen = sum(self._shares.values())
        left = self.left(now)
        if self._progress is not None:
            note = f"about {duration(left)} left" if left is not None else ""
            self._progress.update(self._whole, completed=self.done + seen, note=note)
        if left is not None and not self._estimated and max(self._shares.values(), default=0.0) >= 0.02:
            self._estimated = True
            self.say(f"about {duration(left)} for what is missing, by the first steps of {len(self._shares)} trainings")

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes, if it goes on as it went; None while nothing is known."""
        rates = [
            (now - self._spent[name]) / share
            for name, share in self._shares.items()
            if share > 0 and name in self._spent
        ]
        if not rates:
            return None
        rest = self.plan.equivalents - self.done - sum(self._shares.values())
        return max(0.0, rest) * (sum(rates) / len(rates)) / self.slots


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} % {task.fields[note]}"),
        console=Console(stderr=True),
        refresh_per_second=2,
        transient=True,
    )


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 12 min, 3.4 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
