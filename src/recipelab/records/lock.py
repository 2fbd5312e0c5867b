"""One process owns a record: a lock file that names its owner, with a heartbeat.

The file is `lock`; whoever takes a stale one over writes the next number (`lock-2`, ...) and then removes the older
ones, so no file that another process may be looking at is ever replaced. Two rules make it safe:

1. The next number is created exclusively, whole (a hard link to a finished file), so two takers cannot both have it.
2. A taker that has announced itself so looks again and gives way to any other live one. Of two, the one who announced
   later always sees the earlier, so both cannot stay.

Stale: the process is gone (same machine, same boot, same process namespace: asked of the system, with the start time
against reused process numbers), or, for an owner elsewhere, no heartbeat for 60 seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from recipelab.core.errors import UserError

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
_NAME = re.compile(r"lock(?:-(\d+))?")


@dataclass(frozen=True)
class Holder:
    """The process that a lock file names.

    pid: process number; 0 when the file could not be read.
    host: name of the machine, for messages.
    place: machine boot and process namespace, within which `pid` means something.
    born: start of the process; on Linux in seconds since boot, which no change of the clock can move.
    since: when the lock was taken, ISO 8601.
    """

    pid: int
    host: str
    place: str
    born: float
    since: str

    def alive(self, beat: float, now: float) -> bool:
        """Whether the holder still runs; beat, now: time of the last heartbeat and of now, in seconds of one clock."""
        runs = _runs(self.pid, self.born) if self.place == _place() else None
        return now - beat < STALE_SECONDS if runs is None else runs


def live_holder(folder: Path, now: float | None = None) -> Holder | None:
    """The live owner of the record in `folder`, or None when nobody owns it or the lock is stale."""
    now = time.time() if now is None else now
    return next((holder for _, holder, beat in _locks(folder) if holder.alive(beat, now)), None)


class Lock:
    """Ownership of one folder, from `acquire` to `release`, or to the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Path | None = None
        self._pid = 0
        self._stop = threading.Event()
        self.lost = False

    def acquire(self) -> None:
        """Own the folder. Raises UserError when a live process does, or when the folder cannot be written to."""
        try:
            draft = self._draft()
        except OSError as error:
            raise UserError(f"{self._folder} cannot be locked for writing: {error.strerror}") from error
        try:
            while self._file is None:
                self._file = self._announce(draft)
        except OSError as error:
            raise UserError(f"{self._folder} cannot be locked for writing: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)
        self._pid = os.getpid()
        atexit.register(self.release)
        threading.Thread(target=self._beat, name="record-lock", daemon=True).start()

    def release(self) -> None:
        """Give the folder up; nothing happens when it is not owned, or in a forked child of the owner."""
        if self._file is None or self._pid != os.getpid():
            return
        self._stop.set()
        atexit.unregister(self.release)
        with contextlib.suppress(OSError):
            self._file.unlink()
        self._file = None

    def _draft(self) -> Path:
        """A finished lock file under a name of its own."""
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".lock.", suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(_me()), file)
        os.chmod(name, 0o644)
        return Path(name)

    def _announce(self, draft: Path) -> Path | None:
        """One attempt: the path of our lock file, or None to try again. Raises UserError when the folder is owned."""
        os.utime(draft)
        now = draft.stat().st_mtime  # the file system's clock: heartbeats are in it too
        found = _locks(self._folder)
        for _, holder, beat in found:
            if holder.alive(beat, now):
                raise UserError(
                    f"{self._folder} is in use by process {holder.pid} on {holder.host} since {holder.since}\n"
                    "  one process owns a record: wait until that one ends, or end it"
                )
        number = max((_number(path) for path, _, _ in found), default=0) + 1
        ours = self._folder / ("lock" if number == 1 else f"lock-{number}")
        if not _create(draft, ours):
            return None
        others = [(path, holder, beat) for path, holder, beat in _locks(self._folder) if path != ours]
        if any(holder.alive(beat, now) or _number(path) > number for path, holder, beat in others):
            ours.unlink(missing_ok=True)
            time.sleep(0.01)
            return None
        for path, _, _ in others:
            path.unlink(missing_ok=True)
        return ours

    def _beat(self) -> None:
        file = self._file
        while file is not None and not self._stop.wait(BEAT_SECONDS):
            try:
                os.utime(file)
            except FileNotFoundError:  # taken over after 60 s without a beat (a suspended machine, a lost network)
                self.lost = True
                return
            except OSError:
                continue


def _locks(folder: Path) -> list[tuple[Path, Holder, float]]:
    """(file, holder, time of last heartbeat) of every lock file in `folder`, the highest number first."""
    found = []
    for name in os.listdir(folder):
        if not _NAME.fullmatch(name):
            continue
        path = folder / name
        with contextlib.suppress(FileNotFoundError):  # released while we looked
            found.append((path, _read(path), path.stat().st_mtime))
    return sorted(found, key=lambda lock: _number(lock[0]), reverse=True)


def _read(path: Path) -> Holder:
    """The holder in a lock file; one of no known place, to be judged by its heartbeat, when it cannot be read."""
    try:
        value = json.loads(path.read_bytes())
        return Holder(
            pid=int(value["pid"]),
            host=str(value["host"]),
            place=str(value["place"]),
            born=float(value["born"]),
            since=str(value["since"]),
        )
    except (ValueError, KeyError, TypeError):
        return Holder(pid=0, host="an unknown machine", place="", born=0.0, since="an unknown time")


def _create(draft: Path, path: Path) -> bool:
    """Create `path` with the text of `draft`, whole and only if it is not there; False when it is."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: exclusive too, whole a moment later
        text = draft.read_text()
        try:
            with open(path, "x") as file:
                file.write(text)
        except FileExistsError:
            return False
    return True


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1] or 1) if match else 0


def _me() -> Holder:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return Holder(os.getpid(), socket.gethostname(), _place(), _born(psutil.Process()), since)


def _place() -> str:
    """Where a process number means the same process: host, boot, process namespace (containers share host names)."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _born(process: psutil.Process) -> float:
    """When a process began; on Linux without the boot time, which psutil adds and which moves with the clock."""
    return float(process.create_time() - (psutil.boot_time() if sys.platform == "linux" else 0.0))


def _runs(pid: int, born: float) -> bool | None:
    """Whether process `pid`, begun at `born`, still runs (a zombie does not); None when the system does not tell."""
    if not 0 < pid < 2**31:
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(_born(process) - born) < 2.0
    except psutil.NoSuchProcess:
        return None if psutil.pid_exists(pid) else False  # another user's may be hidden
    except psutil.AccessDenied:
        return None
