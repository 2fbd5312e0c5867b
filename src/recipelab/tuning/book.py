"""The book of a search: its trials in an Optuna storage, that any number of processes and machines may share.

Who has a trial says so by a heartbeat in the storage, and on this machine by a lock in the search's folder, so that
what a killed process has left RUNNING is found: here at once, elsewhere after a minute. Such a trial is marked as
failed and waits, with the same parameters and the same record, to be gone on with; trials are counted without such
repeats.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, Trial, TrialState

from recipelab.core.errors import UserError
from recipelab.records.lock import Lock, live_holder
from recipelab.tuning.quiet import quiet
from recipelab.tuning.storage import BEAT_SECONDS, GRACE_SECONDS, LOST, alone, open_storage, url_of

DEFINITION = "recipelab"
OPEN = (TrialState.RUNNING, TrialState.WAITING)


class Book:
    """The trials of one search, and this process among those that work on it. A context manager.

    folder: of the search, on this machine. limit: trials in all. retry: how often a crashed trial is repeated.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        name: str,
        *,
        directions: Sequence[Literal["minimize", "maximize"]],
        limit: int,
        retry: int = 1,
        pruner: BasePruner | None = None,
    ) -> None:
        self.folder, self.limit, self.retry = folder, limit, retry
        self._worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._own = url == url_of(folder)
        self._ids: dict[int, int] = {}
        self._origins: dict[int, int] = {}
        self._stop = threading.Event()
        with quiet():
            self._storage = open_storage(url)
            self.study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                directions=list(directions),
                pruner=pruner,
                sampler=RandomSampler(),
                load_if_exists=True,
            )
            self._study_id = self._storage.get_study_id_from_name(name)
        if [d.name.lower() for d in self.study.directions] != list(directions):
            raise UserError(f"{name}: the storage has a search of this name with other metrics; give another --name")

    def define(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what the search is, or find that it is the same. Returns what is kept, `pinned` with it.

        Raises UserError naming what has changed: trials of two spaces cannot be compared.
        """
        kept = self.study.user_attrs.get(DEFINITION)
        if kept is None:
            if self.study.get_trials(deepcopy=False):
                raise UserError(
                    f"{self.study.study_name}: the storage has a study of this name that is no search of ours"
                )
            self.study.set_user_attr(DEFINITION, dict(definition))
            return dict(definition)
        changed = [key for key, value in definition.items() if key != "pinned" and kept.get(key) != value]
        if changed:
            raise UserError(
                f"{self.study.study_name}: this search began with another {' and '.join(changed)}:"
                f" its trials would not be comparable\n  began with: {kept.get(changed[0])}"
                f"\n  now: {definition[changed[0]]}"
                "\n  to begin another: --name NAME, or --output DIR"
            )
        return dict(kept)

    def __enter__(self) -> Book:
        self._place = self.folder / "workers" / self._worker
        self._place.mkdir(parents=True)
        self._lock = Lock(self._place)
        self._lock.acquire()
        threading.Thread(target=self._beat, name="search-heartbeat", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._lock.release()
        if kind is not StorageInternalError:  # else our trials are still RUNNING there, and the place says whose
            shutil.rmtree(self._place, ignore_errors=True)

    # reading

    def trials(self) -> list[FrozenTrial]:
        """Every trial, repeats too, but for those that came too many."""
        found = self.study.get_trials(deepcopy=False)
        return [t for t in found if "surplus" not in t.user_attrs]

    def latest(self) -> list[FrozenTrial]:
        """One trial an origin: its last repeat. In order of the origins."""
        last = {origin(trial): trial for trial in self.trials()}
        return [last[number] for number in sorted(last)]

    def begun(self) -> int:
        """Trials so far, without repeats."""
        return len({origin(trial) for trial in self.trials()})

    def enough(self) -> bool:
        """Whether no further trial is to be made, though some may still run or wait."""
        return self.begun() >= self.limit

    def over(self) -> bool:
        """Whether all trials have ended, here and elsewhere."""
        return self.enough() and not any(trial.state in OPEN for trial in self.trials())

    # writing

    def take(self, sampler: Callable[..., BaseSampler]) -> Trial | None:
        """The next trial, RUNNING and ours; a waiting one first. None when there is none to take.

        sampler: made from whole numbers that tell this trial from others.
        """
        with quiet(), alone(self.folder):
            fail_stale_trials(self.study)
            self._reclaim()
            waiting = any(t.state is TrialState.WAITING for t in self.trials())
            begun = self.begun()
            if not waiting and begun >= self.limit:
                return None
            # Another machine may ask at this very moment, with as many trials before it.
            self.study.sampler = sampler(begun) if self._own else sampler(begun, uuid.uuid4().int % 2**32)
            trial = self.study.ask()
            if self._surplus(trial):
                return None
            trial.set_user_attr("worker", self._worker)
            number = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number)
            self._storage.record_heartbeat(number)
            self._ids[trial.number] = number
            self._origins[trial.number] = origin(self._storage.get_trial(number))
            return trial

    def origin_of(self, trial: Trial) -> int:
        """The number of the trial that one of ours repeats, or its own."""
        return self._origins[trial.number]

    def _surplus(self, trial: Trial) -> bool:
        """Whether another machine took the last place just now; the storage numbers trials one by one."""
        before = [t for t in self.trials() if t.number < trial.number]
        new = self.study.get_trials(deepcopy=False)[trial.number]
        if origin(new) != trial.number or len({origin(t) for t in before}) < self.limit:
            return False
        trial.set_user_attr("surplus", True)
        self._tell(trial, TrialState.FAIL)
        return True

    def _reclaim(self) -> None:
        """Repeat what processes of this folder had that are gone."""
        for trial in self.trials():
            if trial.state is not TrialState.RUNNING or trial.number in self._ids:
                continue
            worker = trial.user_attrs.get("worker")
            place = self.folder / "workers" / str(worker)
            if worker is None or "/" in str(worker):  # killed between asking and signing; nobody beats for it
                started = trial.datetime_start
                gone = started is None or (datetime.now() - started).total_seconds() > GRACE_SECONDS
            else:
                gone = place.is_dir() and live_holder(place) is None
            if gone:
                self._again(trial.number, "the process that searched is gone", limit=LOST)
        for place in (self.folder / "workers").glob("*"):
            if live_holder(place) is None:
                shutil.rmtree(place, ignore_errors=True)

    def report(self, trial: Trial, step: int, value: float) -> str | None:
        """Tell an evaluation. Returns why the trial is to be pruned, or None. step: of evaluations, from 1."""
        with quiet():
            trial.report(value, step)
            if not trial.should_prune():
                return None
        name = type(self.study.pruner).__name__.removesuffix("Pruner")
        return f"pruned at evaluation {step}, at {value:.4g}, by {name}"

    def finish(self, trial: Trial, values: Sequence[float], record: str, seconds: float | None) -> None:
        """A trial has come to values."""
        self._note(trial, record=record, seconds=seconds)
        self._tell(trial, TrialState.COMPLETE, values)

    def prune(self, trial: Trial, reason: str, record: str) -> None:
        """A trial was ended early."""
        self._note(trial, record=record, reason=reason)
        self._tell(trial, TrialState.PRUNED)

    def fail(self, trial: Trial, reason: str) -> None:
        """A trial cannot be, or came to nothing; it is not repeated."""
        self._note(trial, reason=reason)
        self._tell(trial, TrialState.FAIL)

    def crash(self, trial: Trial, reason: str) -> bool:
        """A trial's process has died. Returns whether the trial is repeated."""
        crashes = int(trial.user_attrs.get("crashes", 0)) + 1
        self._note(trial, crashes=crashes)
        return self._again(trial.number, reason, limit=None if crashes <= self.retry else 0)

    def put_back(self, trial: Trial, reason: str) -> None:
        """A trial was stopped with this process; it waits for the next."""
        self._again(trial.number, reason, limit=None)

    def _again(self, number: int, reason: str, *, limit: int | None) -> bool:
        """Mark as failed, and let the same wait to be gone on with. limit: of repeats. Returns whether it waits."""
        self._ids.pop(number, None)
        with quiet():
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            try:
                self._storage.set_trial_user_attr(trial_id, "reason", reason)
                if not self._storage.set_trial_state_values(trial_id, TrialState.FAIL):
                    return False
            except UpdateFinishedTrialError:  # another process was quicker
                return False
            before = len(self.trials())
            RetryHeartbeatStaleTrialCallback(max_retry=limit)(self.study, self._storage.get_trial(trial_id))
            return len(self.trials()) > before

    def _note(self, trial: Trial, **values: Any) -> None:
        with contextlib.suppress(UpdateFinishedTrialError):
            for key, value in values.items():
                trial.set_user_attr(key, value)

    def _tell(self, trial: Trial, state: TrialState, values: Sequence[float] | None = None) -> None:
        self._ids.pop(trial.number, None)
        # A sampler's word after a trial is to end Optuna's own loop, when a grid is used up; there is none.
        self.study.sampler = RandomSampler()
        with quiet():
            self.study.tell(trial, values, state, skip_if_finished=True)

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            for number in list(self._ids.values()):
                with contextlib.suppress(Exception):  # a storage that cannot be reached just now: the next beat
                    self._storage.record_heartbeat(number)


def origin(trial: FrozenTrial) -> int:
    """The number of the trial that this one repeats, or its own."""
    return int(trial.system_attrs.get("failed_trial", trial.number))
