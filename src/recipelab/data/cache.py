"""Decoded folders, kept: raw arrays in a folder of their own, found again by what was decoded and how.

An entry is written beside its place and renamed to it, so that it is whole or absent, and of two processes that decode
the same folder at once one keeps its entry and the other throws its own away. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.data.pool import Pool, Say
from recipelab.data.rows import Mapped

VERSION = 1
ABANDONED = 3600.0  # seconds after which a half-written entry of a killed process is removed


@dataclass
class Content:
    """What an entry holds: the pools, and the lines that were said while they were decoded."""

    train: Pool
    test: Pool | None
    remarks: list[str]

    def pools(self) -> dict[str, Pool]:
        """The pools that exist, by name."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/recipelab`, or `~/.cache/recipelab`. Raises UserError when there is no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "recipelab"
    except RuntimeError as error:
        raise UserError(
            "data.cache=auto: there is no home folder\n  fix: data.cache=FOLDER or data.cache=none"
        ) from error


class Entry:
    """The place of one decoded folder in the cache.

    folder: the cache; need not exist.
    slot: root and options in words: of one slot only the newest entry is kept.
    key: digest of the files and the options, see `key`.
    """

    def __init__(self, folder: Path, slot: str, key: str) -> None:
        self.folder = folder
        self.prefix = hashlib.sha256(slot.encode(errors="surrogateescape")).hexdigest()[:16]
        self.path = folder / f"{self.prefix}-{key[:32]}"

    def read(self, say: Say, *, mapped: bool = False) -> Content | None:
        """The content, or None when there is none; a damaged entry is removed, with a line said.

        mapped: leave the images on the disk, mapped into memory.
        """
        try:
            index = json.loads((self.path / "index.json").read_text())
            for name, facts in index["files"].items():
                _verify(self.path / name, facts)
            pools = {part: _read_pool(self.path, part, mapped) for part in index["parts"]}
            return Content(pools["train"], pools.get("test"), list(index["remarks"]))
        except (FileNotFoundError, NotADirectoryError):
            if not self.path.exists():
                return None
            say(f"the cache entry {self.path} is incomplete: decoding again")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            say(f"the cache entry {self.path} cannot be read ({error}): decoding again")
        shutil.rmtree(self.path, ignore_errors=True)
        return None

    def write(self, content: Content, say: Say) -> None:
        """Keep `content` and remove what it replaces; a cache that cannot be written costs a line, nothing else."""
        try:
            self.make(lambda scratch: content)
        except OSError as error:
            say(f"the decoded images are not kept: {self.folder} cannot be written ({error.strerror})")

    def make(self, fill: Callable[[Path], Content]) -> None:
        """Keep what `fill` makes, and remove what it replaces.

        fill: gets the folder that becomes the entry, where it may already have put `PART-images.npy` (see
        `new_images`). Raises OSError when the folder cannot be written, and whatever `fill` raises; nothing is left.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{self.prefix}.", suffix=".tmp"))
        try:
            _fill(scratch, fill(scratch))
            self._put(scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self._remove_older()

    def _put(self, scratch: Path) -> None:
        try:
            os.rename(scratch, self.path)
        except OSError:
            if not self.path.is_dir():  # else another process was first, and its entry is as good as this one
                raise

    def _remove_older(self) -> None:
        for path in self.folder.glob(f"{self.prefix}-*"):
            if path != self.path:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f"{self.prefix}.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)


def new_images(folder: Path, part: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A mapped array (N, H, W, C) uint8 in `PART-images.npy` of an entry in the making.

    Its room on the disk is taken at once: writing to a mapped file of a full disk kills a process. Raises OSError.
    """
    path = folder / f"{part}-images.npy"
    path.unlink(missing_ok=True)  # an array that is still in use keeps its own file
    images: NDArray[np.uint8] = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images


def key(root: Path, files: Iterable[str], options: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over path, size and times of change of each of `files` (relative to root), and `options`."""
    digest = hashlib.sha256(json.dumps([VERSION, options], sort_keys=True).encode())
    start = os.path.join(root, "")
    for name in sorted(files):
        digest.update(os.fsencode(name))
        with contextlib.suppress(OSError):  # a broken link, or gone by now: decoding will name it
            status = os.stat(start + name)
            digest.update(f"\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}".encode())
        digest.update(b"\0")
    return digest.hexdigest()


def digest_of(files: Iterable[str]) -> str:
    """SHA-256, in hex, over the names of `files` in their order: of two choices of files each has its own slot."""
    return hashlib.sha256(b"\0".join(map(os.fsencode, files))).hexdigest()


def _fill(folder: Path, content: Content) -> None:
    """Write every file and, last, the index with their sizes; all are on the disk before the folder gets its name."""
    small, large = [], []
    for part, pool in content.pools().items():
        if not (folder / f"{part}-images.npy").exists():
            assert isinstance(pool.images, torch.Tensor)
            _write_array(folder / f"{part}-images.npy", pool.images)
        _write_array(folder / f"{part}-targets.npy", pool.targets)
        atomic.write_text(folder / f"{part}-names.json", json.dumps(pool.names))
        large += [f"{part}-images.npy"]
        small += [f"{part}-targets.npy", f"{part}-names.json"]
    files: dict[str, dict[str, Any]] = {name: {"bytes": (folder / name).stat().st_size} for name in large}
    for name in small:
        data = (folder / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    index = {"version": VERSION, "parts": list(content.pools()), "remarks": content.remarks, "files": files}
    atomic.write_text(folder / "index.json", json.dumps(index))


def _write_array(path: Path, values: torch.Tensor) -> None:
    atomic.write(path, lambda file: np.save(file, values.numpy(), allow_pickle=False))


def _verify(path: Path, facts: dict[str, Any]) -> None:
    """Size of every file, checksum of the small ones; ValueError when one differs."""
    size = path.stat().st_size
    if size != facts["bytes"]:
        raise ValueError(f"{path.name} has {size:,} bytes, not {facts['bytes']:,}")
    if "sha256" in facts and hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise ValueError(f"{path.name} does not match its checksum")


def _read_pool(folder: Path, part: str, mapped: bool) -> Pool:
    # Mapped privately ("c"): torch wants memory that may be written to, and the file never is.
    images = np.load(folder / f"{part}-images.npy", mmap_mode="c" if mapped else None, allow_pickle=False)
    targets = np.load(folder / f"{part}-targets.npy", allow_pickle=False)
    names = json.loads((folder / f"{part}-names.json").read_text())
    stored = torch.from_numpy(images)
    return Pool(Mapped(stored) if mapped else stored, torch.from_numpy(targets), names)
