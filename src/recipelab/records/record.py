"""The run record: one folder that holds everything a run says and leaves (docs/record.md describes it, schema 1).

Every file is replaced whole (a temporary file, fsync, rename), so a run that is killed at any moment leaves each file
as it was before or after. Only the process that holds the lock writes.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from recipelab.core import atomic
from recipelab.core.errors import RunError, UserError
from recipelab.core.plain import read_json, read_yaml
from recipelab.records import checkpoints, places, results
from recipelab.records.averages import Averages
from recipelab.records.ledger import LedgerFile
from recipelab.records.lock import Lock
from recipelab.records.metrics_file import MetricsFile

_NAME = re.compile(r"[^./\\][^/\\]*")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Record:
    """One run's folder. Get one by `Record.create`, `Record.open` or `Record.join`; a context manager that unlocks.

    path: the folder.
    metrics: metrics.csv, to append to, cut back and read.
    averages: what averages can be made of after the run, and those that have been made.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.metrics = MetricsFile(self.path / "metrics.csv", self._write_text)
        self.averages = Averages(self.path / "averages", self._writing)
        self._lock: Lock | None = None
        self._joined = False

    @classmethod
    def create(cls, root: Path, name: str) -> Record:
        """A new record `root/name`, or `root/name-2`, `-3`, ... where that is taken; locked, with status `running`.

        Raises UserError naming `output` when `root` cannot be written to; nothing is left behind then.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"a record's name is one folder name, not hidden, got {name!r}")
        record = cls(places.new_folder(Path(root), name))
        try:
            record.lock()
            record.update_result(status="running", created=datetime.now().astimezone().isoformat(timespec="seconds"))
        except BaseException:
            record.unlock()
            shutil.rmtree(record.path, ignore_errors=True)
            raise
        return record

    @classmethod
    def open(cls, path: Path) -> Record:
        """An existing record, to read; `lock` it to write. Raises UserError when `path` is none that we can read."""
        path = Path(path)
        try:
            results.read(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(places.no_record(path)) from error
        return cls(path)

    @classmethod
    def join(cls, path: Path) -> Record:
        """The record of the process that started this one, which holds the lock: to write, for a rank of its run."""
        record = cls.open(path)
        record._joined = True
        return record

    def lock(self) -> None:
        """Own the record, to write; taking it over from a dead owner, and removing what that one left half written.

        Raises UserError when a live process owns it.
        """
        if self._lock is not None:
            return
        folders = (self.path, self._checkpoints, self._insights, *self.averages.folders)
        for path in (path for folder in folders for path in folder.glob("*")):
            if path.is_symlink():  # somebody's record could have us write anywhere
                raise UserError(f"{path} is a link: in a record that is written to, every file is its own")
        lock = Lock(self.path)
        lock.acquire()
        self._lock = lock
        for folder in folders:
            for left in folder.glob(".*.tmp"):
                if not left.name.startswith(".lock."):  # another taker's, at work just now
                    left.unlink(missing_ok=True)

    def unlock(self) -> None:
        """Give up ownership; a record whose status is still `running` reads as `interrupted` from then on."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def config(self) -> dict[str, Any]:
        """config.yaml: the resolved recipe. Raises UserError when it is missing or cannot be read."""
        path = self.path / "config.yaml"
        try:
            value = read_yaml(path)
        except FileNotFoundError as error:
            raise UserError(f"{self.path} is no complete record: config.yaml is missing") from error
        if not isinstance(value, dict):
            raise UserError(f"{path} holds no recipe: keys and values are expected")
        return value

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.yaml; plain containers only, keys in the order given."""
        self._write_text(
            self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
        )

    def environment(self) -> dict[str, Any]:
        """environment.json: machine and versions. Raises UserError when it is missing or cannot be read."""
        path = self.path / "environment.json"
        try:
            value = read_json(path)
        except FileNotFoundError as error:
            raise UserError(f"{self.path} is no complete record: environment.json is missing") from error
        if not isinstance(value, dict):
            raise UserError(f"{path} cannot be read: keys and values are expected")
        return value

    def split_digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each split of the data, as environment.json says. Raises UserError when it does not."""
        told = self.environment().get("splits")
        parts: dict[str, Any] = told if isinstance(told, dict) else {}
        hashes = {name: part.get("sha256") if isinstance(part, dict) else None for name, part in parts.items()}
        found = {name: sha for name, sha in hashes.items() if isinstance(sha, str)}
        if not found or len(found) < len(hashes):
            raise UserError(f"{self.path}/environment.json tells no hash of the splits: it is damaged")
        return found

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Replace environment.json."""
        with self._writing(self.path / "environment.json") as path:
            atomic.write_json(path, results.finite(environment))

    def result(self) -> dict[str, Any]:
        """result.json as it is on the disk. Raises UserError when it cannot be read."""
        return results.read(self.path)

    def update_result(self, **fields: Any) -> None:
        """Set top-level fields of result.json, keeping the others; NaN and infinities become null."""
        if "status" in fields and fields["status"] not in results.STATUSES:
            raise ValueError(f"status must be one of {', '.join(results.STATUSES)}, got {fields['status']!r}")
        with self._writing(self.path / results.NAME) as path:
            before = results.read(self.path) if path.exists() else {"schema": results.SCHEMA}
            atomic.write_json(path, {**before, **results.finite(fields)})

    @contextlib.contextmanager
    def figure(self, name: str, kind: str = "png") -> Iterator[Path]:
        """The place of a picture, figures/{name}.png, or of its numbers (kind="json"), to be written whole. Raises
        RunError when the disk is full."""
        with self._writing(self.path / "figures" / f"{name}.{kind}") as path:
            path.parent.mkdir(exist_ok=True)
            yield path

    def ledger(self, split: str) -> LedgerFile:
        """The ledger of a split, ledger_{split}.bin, which may not be there: to begin, append to, cut back and read."""
        return LedgerFile(self.path / f"ledger_{split}.bin", self._writing)

    def status(self) -> str:
        """running, finished, interrupted or failed; `running` without a live owner reads as `interrupted`."""
        return results.status(self.path, self.result())

    def keep_evaluation(self, name: str, content: dict[str, Any], *, opened: bool) -> Path:
        """Write evaluations/{name}.json, or {name}-2, ... where that is taken; returns its path.

        opened: it measured the run's own test split, which is counted in result.json before anything else is written.
        """
        if opened:
            self.count_opening()
        folder = self.path / "evaluations"
        with self._writing(folder):
            folder.mkdir(exist_ok=True)
            names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
            path = next(path for path in (folder / f"{name}.json" for name in names) if not path.exists())
            atomic.write_json(path, results.finite(content))
        return path

    def count_opening(self) -> None:
        """Count in result.json that the run's own test split is opened once more."""
        lockbox = self.result().get("lockbox") or {}
        self.update_result(lockbox={**lockbox, "opened": int(lockbox.get("opened") or 0) + 1})

    def insight_path(self, name: str) -> Path:
        """Where what is known of single samples is kept, insights/{name}.json, which may not be there."""
        return self._insights / f"{name}.json"

    def keep_insight(self, name: str, content: dict[str, Any]) -> None:
        """Replace insights/{name}.json; finite numbers only."""
        with self._writing(self.insight_path(name)) as path:
            path.parent.mkdir(exist_ok=True)
            atomic.write_json(path, content)

    def save_checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Replace checkpoints/{name}.pt.

        content: plain containers and tensors, with the weights under `model` and the step under `step` (int).
        Raises TypeError for what could not be loaded again, RunError when the disk is full (the old file stays).
        """
        if "model" not in content:
            raise ValueError("a checkpoint holds the weights under the key `model`")
        with self._writing(checkpoints.path_of(self._checkpoints, name)) as path:
            path.parent.mkdir(exist_ok=True)
            checkpoints.save(path, content)

    def keep_best(self, step: int) -> None:
        """Keep the best checkpoints as they stand at `step`, in checkpoints/at_step_N, for a training that forks there.

        They are links to the same files, which are replaced and never written to, so they cost nothing until then.
        """
        with self._writing(checkpoints.kept_at(self._checkpoints, step)) as folder:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name in checkpoints.names(self._checkpoints):
                if name == "best" or name.startswith("best_"):
                    source = checkpoints.path_of(self._checkpoints, name)
                    try:
                        os.link(source, folder / source.name)
                    except OSError:  # a file system without hard links
                        shutil.copyfile(source, folder / source.name)

    def load_checkpoint(self, name: str) -> dict[str, Any]:
        """What `save_checkpoint` was given, on the CPU. Raises UserError naming the file and the others there are."""
        return checkpoints.load(checkpoints.path_of(self._checkpoints, name))

    def checkpoints(self) -> list[str]:
        """The names of the checkpoints there are, the newest first."""
        return checkpoints.names(self._checkpoints)

    @property
    def _checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def _insights(self) -> Path:
        return self.path / "insights"

    def _write_text(self, path: Path, text: str) -> None:
        with self._writing(path):
            atomic.write_text(path, text)

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[Path]:
        """Check that the record is ours; turn a failure of the disk into a RunError that names what is safe."""
        assert self._lock is not None or self._joined, "a record is written by the process that locked it"
        if self._lock is not None and self._lock.lost:
            raise RunError(f"{self.path} was taken over by another process: this one stops writing to it")
        try:
            yield path
        except (OSError, RuntimeError) as error:
            cause = _disk_error(error)
            if cause is None:
                raise
            full = cause.errno in _FULL
            what = f"no space left to write {path}" if full else f"{path} could not be written"
            safe = checkpoints.last_complete(self._checkpoints)
            advice = "free some space, then resume" if full else "mend that, then resume"
            raise RunError(f"{what} ({cause.strerror}): {safe}\n  {advice}: trainer.resume={self.path}") from error


def _disk_error(error: BaseException | None) -> OSError | None:
    """The OSError behind `error`: torch's writer hides it behind a RuntimeError about an unexpected position."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
