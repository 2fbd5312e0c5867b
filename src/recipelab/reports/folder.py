"""What a report's folder holds: a list of what was written there, by which what no report has any more is removed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from recipelab.core import atomic

LIST = "files.txt"
OURS = re.compile(r"report\.(html|md)|(tables|figures)/[^./\\\n][^/\\\n]*\.(csv|png|svg)")


@contextlib.contextmanager
def exactly(folder: Path, names: Collection[str]) -> Iterator[None]:
    """Around the writing of files into `folder`: what an earlier report wrote there, and this one did not, then goes.

    names: all that is going to be written, below folder. Only what is on the folder's list is ever removed: a file that
    stands in the way of none of `names` stays. Killed at any moment, the folder has every file of the earlier report or
    of this one under its name, and the list has what the next report may remove.
    """
    before = listed(folder)
    _list(folder, before | {name for name in names if not (folder / name).exists()})
    yield
    for name in sorted(before.difference(names)):
        path = folder / name
        if not path.parent.is_symlink():
            path.unlink(missing_ok=True)
    _list(folder, names)


def listed(folder: Path) -> set[str]:
    """The names that reports have written to `folder`; of a list that is not ours, none."""
    try:
        lines = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line for line in lines if OURS.fullmatch(line)}


def _list(folder: Path, names: Collection[str]) -> None:
    atomic.write_text(folder / LIST, "".join(f"{name}\n" for name in sorted(names)))
