"""The runner of a search: takes trials from the book, starts a process for each, and tells the book what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from recipelab.core.errors import UserError
from recipelab.core.task import BUSY, DONE, FAILED, USER_ERROR, Handle
from recipelab.records import listing
from recipelab.records.record import Record
from recipelab.tuning.book import Book
from recipelab.tuning.objective import Objective
from recipelab.tuning.space import Level, Param

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
BUSY_SECONDS = 1.0
TRIALS = "trials"


@dataclass
class Running:
    """A trial at work. words: its recipe. folder: of its record. seen: evaluations that were told."""

    trial: Trial
    words: tuple[str, ...]
    folder: Path
    handle: Handle | None = None
    later: float = 0.0
    seen: int = 0
    pruned: str | None = None
    stamp: tuple[int, int] = (0, 0)


@dataclass
class Runner:
    """Runs trials until there are enough, the time is up, or it is asked to stop.

    words: drawn levels by parameter -> the trial's overrides; raises UserError for a combination that cannot be.
    given: overrides that all trials share, for conditions.
    start: starts a trial's process. tell: is told (event, trial, text). said: the error that a process printed.
    over: whether the time for new trials is up.
    """

    book: Book
    params: Sequence[Param]
    objective: Objective
    sampler: Callable[..., BaseSampler]
    words: Callable[[Mapping[str, Level]], tuple[str, ...]]
    start: Callable[[Running], Handle]
    given: frozenset[str] = frozenset()
    slots: int = 1
    tell: Callable[[str, Trial, str], None] = lambda event, trial, text: None
    said: Callable[[Running], str] = lambda one: ""
    over: Callable[[], bool] = lambda: False
    stop: Callable[[], bool] = lambda: False
    _running: list[Running] = field(default_factory=list)
    _looked: float = 0.0

    def run(self) -> None:
        """Returns when all trials of the search have ended, elsewhere too, when the time is up, or after a stop."""
        try:
            while not self.stop():
                if not self.over():
                    self._fill()
                for one in list(self._running):
                    self._follow(one)
                if not self._running and (self.over() or self.book.over()):
                    return
                time.sleep(POLL_SECONDS)
        finally:
            self._stop_all()

    def _fill(self) -> None:
        """Take as many trials as there are free slots; where there are none to take, look again a second later."""
        if time.monotonic() < self._looked + LOOK_SECONDS:
            return
        while len(self._running) < self.slots:
            trial = self.book.take(self.sampler)
            if trial is None:
                self._looked = time.monotonic()
                return
            self._begin(trial)

    def _begin(self, trial: Trial) -> None:
        drawn = draw(trial, self.params, self.given)
        number = self.book.origin_of(trial)
        try:
            words = self.words(drawn)
        except UserError as error:
            self.book.fail(trial, str(error))
            self.tell("refused", trial, str(error))
            return
        one = Running(trial, words, self.book.folder / TRIALS / f"{number:04d}")
        one.handle = self.start(one)
        self._running.append(one)
        self.tell("again" if number != trial.number else "start", trial, "")

    def _follow(self, one: Running) -> None:
        """Look at a trial: tell its evaluations, prune it, take note of its end."""
        if one.handle is None:
            if time.monotonic() >= one.later:
                one.handle = self.start(one)
            return
        code = one.handle.poll()
        try:
            self._evaluations(one)
        except UpdateFinishedTrialError:  # we were taken for dead, and another process has it
            one.handle.stop()
        if code is None:
            return
        if code == BUSY:  # its last process has not ended yet
            one.handle, one.later = None, time.monotonic() + BUSY_SECONDS
            return
        self._running.remove(one)
        self._settle(one, code)

    def _evaluations(self, one: Running) -> None:
        record = newest(one.folder)
        if record is None or one.pruned is not None:
            return
        try:
            told = (record.path / "metrics.csv").stat()
        except OSError:
            return
        if (told.st_mtime_ns, told.st_size) == one.stamp:
            return
        one.stamp = (told.st_mtime_ns, told.st_size)
        curve = self.objective.curve(record.metrics.rows()) if len(self.objective.goals) == 1 else []
        for value in curve[one.seen :]:
            one.seen += 1
            one.pruned = self.book.report(one.trial, one.seen, value)
            if one.pruned is not None:
                assert one.handle is not None
                one.handle.stop()
                return

    def _settle(self, one: Running, code: int) -> None:
        """Tell the book how a trial has ended."""
        record = newest(one.folder)
        result = record.result() if record is not None else {}
        place = "" if record is None else record.path.relative_to(self.book.folder).as_posix()
        if code == DONE and record is not None and result.get("status") == "finished":
            values = self.objective.values(record.metrics.rows(), result)
            if values is None:
                self._failed(one, "its value is no finite number")
                return
            self.book.finish(one.trial, values, place, result.get("seconds"))
            self.tell("finished", one.trial, place)
        elif one.pruned is not None and record is not None:
            _say_pruned(record, one.pruned)
            self.book.prune(one.trial, one.pruned, place)
            self.tell("pruned", one.trial, one.pruned)
        elif code in (FAILED, USER_ERROR) and result.get("status") in (None, "failed"):
            self._failed(one, result.get("reason") or self.said(one) or f"exit code {code}")
        else:
            reason = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
            again = self.book.crash(one.trial, reason)
            self.tell("crashed" if again else "failed", one.trial, reason)

    def _failed(self, one: Running, reason: str) -> None:
        self.book.fail(one.trial, reason)
        self.tell("failed", one.trial, reason)

    def _stop_all(self) -> None:
        """Stop what runs, with a checkpoint each, and put it back."""
        for one in self._running:
            if one.handle is not None:
                one.handle.stop()
        codes = [self._end_of(one) for one in self._running]
        for one, code in zip(self._running, codes, strict=True):
            if code == DONE or one.pruned is not None:
                self._settle(one, DONE if code is None else code)
            else:
                self.book.put_back(one.trial, "stopped with the search")
        self._running.clear()

    def _end_of(self, one: Running) -> int | None:
        """Wait for a trial's process; its exit code, or None where it has none."""
        code = None
        while one.handle is not None and (code := one.handle.poll()) is None:
            time.sleep(POLL_SECONDS)
        return code


def draw(trial: Trial, params: Sequence[Param], given: frozenset[str]) -> dict[str, Level]:
    """A level of every parameter that the trial has, by name; those with a condition after what it asks for."""
    drawn: dict[str, Level] = {}
    words = set(given)
    for param in params:
        if param.when is None or param.when in words:
            drawn[param.name] = _suggest(trial, param)
            words.update(param.words(drawn[param.name]))
    return drawn


def _suggest(trial: Trial, param: Param) -> Any:
    d: Any = param.distribution
    if param.levels is not None:
        return trial.suggest_categorical(param.name, list(param.levels))
    if isinstance(d.low, int):
        return trial.suggest_int(param.name, d.low, d.high, step=d.step, log=d.log)
    return trial.suggest_float(param.name, d.low, d.high, step=d.step, log=d.log)


def newest(folder: Path) -> Record | None:
    """The record of a trial: the finished one in its folder, else the newest that can be read."""
    found = []
    for path in listing.find(folder):
        try:
            found.append((Record.open(path).result().get("status") == "finished", path.name, path))
        except UserError:
            continue
    return Record.open(max(found)[2]) if found else None


def _say_pruned(record: Record, reason: str) -> None:
    """The record says why it was stopped."""
    with record:
        record.lock()
        record.update_result(reason=reason)
