"""All records below a folder, one small file read for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.core.plain import at
from recipelab.records import results

UNREADABLE = "unreadable"


def find(root: Path) -> Iterator[Path]:
    """The record folders at or below `root`: those with a result.json. Nothing inside a record is looked at, links to
    folders are not followed, hidden and unreadable folders are passed over."""
    if (root / results.NAME).is_file():
        yield root
        return
    try:
        with os.scandir(root) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for name in sorted(name for name in folders if not name.startswith(".")):
        yield from find(root / name)


def list_records(root: Path) -> list[dict[str, Any]]:
    """One flat dictionary a record at or below `root`, the oldest first; empty when there is no such folder.

    path, created, model, data, recipe_hash, fingerprint, reason: text. seed, epoch, epochs, step, total_steps: int.
    status: running, finished, interrupted (killed runs too), failed, or unreadable, with the `reason`.
    checkpoint, view: what the headline is measured on; metric: which; val, test: its values (accuracies in [0, 1]).
    val_accuracy, test_accuracy: the same for a classification, else None.
    protocol: text. opened: how often the test split was opened. seconds: of training. What a run has not written
    (yet) is None.
    """
    found = [summary(folder) for folder in find(Path(root))]
    return sorted(found, key=lambda row: (str(row["created"] or ""), row["path"]))


def summary(folder: Path) -> dict[str, Any]:
    """The row of one record; a record that cannot be read says so in its row and raises nothing."""
    result: dict[str, Any] = {}
    try:
        result = results.read(folder)
        status, reason = results.status(folder, result), result.get("reason")
    except (UserError, OSError) as error:
        status, reason = UNREADABLE, str(error)
    checkpoint, view = at(result, "headline", "checkpoint"), at(result, "headline", "view")
    metric = at(result, "headline", "metric") or "accuracy"
    return {
        "path": str(folder),
        "status": status,
        "reason": reason,
        "created": result.get("created"),
        "model": result.get("model"),
        "data": result.get("data"),
        "seed": result.get("seed"),
        "epochs": result.get("epochs"),
        "epoch": at(result, "progress", "epoch"),
        "step": at(result, "progress", "step"),
        "total_steps": at(result, "progress", "total_steps"),
        "checkpoint": checkpoint,
        "view": view,
        "val_accuracy": at(result, "val", checkpoint, view, "accuracy"),
        "test_accuracy": at(result, "test", checkpoint, view, "accuracy"),
        "metric": metric,
        "val": at(result, "val", checkpoint, view, metric),
        "test": at(result, "test", checkpoint, view, metric),
        "protocol": result.get("protocol"),
        "opened": at(result, "lockbox", "opened"),
        "seconds": result.get("seconds"),
        "recipe_hash": result.get("recipe_hash"),
        "fingerprint": result.get("fingerprint"),
    }
