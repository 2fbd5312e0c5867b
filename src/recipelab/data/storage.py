"""Where a source keeps its images: decoded in memory, decoded in one mapped file, or in their files (streamed).

The rule for `auto`, in this order: random crops need whole files, so they are streamed; what is at most `memory_limit`
decoded lives in memory; what is at most `disk_limit` is decoded once into a mapped file of the cache; the rest is
streamed.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from recipelab.core.errors import UserError

Kind = Literal["memory", "memmap", "stream"]
SHARE = 0.5  # of what is free: a split copies its images once, and training wants memory, too
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True)
class Storage:
    """What was asked for.

    kind: "auto" or one of the three. memory_limit, disk_limit: bytes with a unit ("8GiB", "500MB"), or "auto": half of
    the free memory; half of the free disk under the cache.
    """

    kind: Literal["auto"] | Kind = "auto"
    memory_limit: str = "auto"
    disk_limit: str = "auto"

    def choose(self, nbytes: int, cache: Path | None, *, crops: bool, what: str) -> Kind:
        """The kind for so many bytes of decoded images. cache: None when nothing is kept. crops: of random crops.

        what: the images in words. Raises UserError when what was asked for cannot be done.
        """
        limits = parse_size("data.memory_limit", self.memory_limit), parse_size("data.disk_limit", self.disk_limit)
        if self.kind != "auto":
            _refuse(self.kind, nbytes, cache, crops=crops, what=what)
            return self.kind
        if crops:
            return "stream"
        if nbytes <= (free_memory() * SHARE if limits[0] is None else limits[0]):
            return "memory"
        if cache is not None and nbytes <= (free_disk(cache) * SHARE if limits[1] is None else limits[1]):
            return "memmap"
        return "stream"


def _refuse(kind: Kind, nbytes: int, cache: Path | None, *, crops: bool, what: str) -> None:
    if crops and kind != "stream":
        raise UserError(
            f"data.storage={kind}: data.crop_scale cuts out of whole files, which data.storage=stream reads"
        )
    if kind == "memmap" and cache is None:
        raise UserError(
            "data.storage=memmap keeps decoded images in the cache, and data.cache=none: give data.cache=auto"
        )
    free = nbytes
    if kind == "memory":
        free = free_memory()
    elif kind == "memmap" and cache is not None:
        free = free_disk(cache)
    if nbytes > free:
        where = "memory" if kind == "memory" else "disk"
        raise UserError(
            f"{what} take {nbytes / 2**30:.1f} GiB of {where}, and {free / 2**30:.1f} GiB are free\n"
            "  fix: data.storage=auto, a smaller data.image_size, or fewer files"
        )


def parse_size(key: str, text: str) -> int | None:
    """Bytes of "8GiB", "500 MB"; None of "auto". Raises UserError naming `key`."""
    if text == "auto":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip(), re.IGNORECASE)
    if match is None or match[2].upper() not in UNITS:
        raise UserError(f"{key}={text!r} is not a size: auto, or a number with a unit, such as 8GiB or 500MB")
    return int(float(match[1]) * UNITS[match[2].upper()])


def free_memory() -> int:
    """Bytes that a process may still take: what the system says is available, within its control group's limit."""
    free = psutil.virtual_memory().available
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        kept = re.search(r"^inactive_file (\d+)$", Path("/sys/fs/cgroup/memory.stat").read_text(), re.MULTILINE)
        used -= int(kept[1]) if kept else 0  # cached files, which the system gives up at need
    except (OSError, ValueError):  # no control groups, or those of version 1
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - used))


def free_disk(folder: Path) -> int:
    """Bytes free on the disk that `folder` is, or will be, on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
