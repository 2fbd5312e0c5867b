"""Where records are made, and what to say to someone who named a place that holds none."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from recipelab.core.errors import UserError, did_you_mean
from recipelab.records import listing, results


def new_folder(root: Path, name: str) -> Path:
    """Make `root/name`, or the first of `root/name-2`, `-3`, ... that is free. Raises UserError naming `output`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = root / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
    except OSError as error:
        raise UserError(
            f"output={root} cannot be written to: {error.strerror}\n  fix: output=DIR, a folder you may write to"
        ) from error
    return path


def no_record(path: Path) -> str:
    """Why there is no record at `path`, and which one may be meant."""
    if path.is_file():
        return f"{path} is a file; a run record is a folder{_enclosing(path)}"
    if not path.is_dir():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        return f"{path} does not exist{did_you_mean(path.name, siblings, f'{path.parent}/')}"
    below = [str(found) for found in itertools.islice(listing.find(path), 6)]
    if below:
        more = "\n    ..." if len(below) > 5 else ""
        return f"{path} is no run record, but a folder of records: name one of\n    " + "\n    ".join(below[:5]) + more
    missing = [name for name in (results.NAME, "config.yaml") if not (path / name).is_file()]
    return f"{path} is no run record: {' and '.join(missing)} missing{_enclosing(path)}"


def _enclosing(path: Path) -> str:
    found = next((parent for parent in path.parents if (parent / results.NAME).is_file()), None)
    return f"\n  did you mean: {found}" if found else ""
