"""A cross-validation: a folder with one record a fold, and a summary of them, cross_validation.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.core.plain import read_json
from recipelab.records import listing, results

SCHEMA = 1
NAME = "cross_validation.json"
STATUSES = ("running", "finished")


def read(folder: Path) -> dict[str, Any]:
    """The summary in `folder`. Raises FileNotFoundError when there is none, UserError when it cannot be read."""
    path = folder / NAME
    value = read_json(path)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or value.get("status") not in STATUSES:
        raise UserError(f"{path} is not the summary of a cross-validation, schema {SCHEMA}")
    return value


def write(folder: Path, content: dict[str, Any]) -> None:
    """Replace the summary in `folder`; NaN and infinities become null."""
    atomic.write_json(folder / NAME, results.finite({"schema": SCHEMA, **content}))


def find(root: Path, recipe: str, seed: int | None) -> Path | None:
    """The newest unfinished cross-validation right below `root` of this recipe (its hash) and seed (None: any)."""
    found = []
    for path in root.glob(f"*/{NAME}"):
        try:
            summary = read(path.parent)
        except UserError:
            continue
        same = summary.get("recipe") == recipe and seed in (None, summary.get("seed"))
        if same and summary["status"] != "finished":
            found.append((str(summary.get("created")), path.parent))
    return max(found)[1] if found else None


def is_run(path: Path) -> bool:
    """Whether `path` is a record, or the folder of a cross-validation."""
    return (path / results.NAME).is_file() or (path / NAME).is_file()


def members(path: Path) -> list[Path]:
    """The records that `path` means: those of its folds, in order, when it is a cross-validation, else itself."""
    if not (path / NAME).is_file():
        return [path]
    summary = read(path)
    if summary["status"] != "finished":
        raise UserError(f"{path} is a cross-validation whose folds are not all trained yet: repeat its command")
    known = {str(folder.relative_to(path)): folder for folder in listing.find(path)}
    told = summary.get("folds")
    names = [str(fold.get("record")) for fold in told if isinstance(fold, dict)] if isinstance(told, list) else []
    missing = [name for name in names if name not in known]
    if missing or not names:
        raise UserError(f"{path} lacks the record of a fold: {missing[0] if missing else 'none is named'}")
    return [known[name] for name in names]
