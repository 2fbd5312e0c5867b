"""Where a trajectory of a study stands, read from the records in its folder and from nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.records import listing
from recipelab.records.record import Record
from recipelab.studies.averages import views_in
from recipelab.studies.plan import Trajectory

RUNS = "runs"


@dataclass(frozen=True)
class Standing:
    """path: the record that counts, or None. begun, finished: of that record. kept: steps at which others may fork.

    progress: result.json's (epoch, step, total_steps), or None. reason: why it stopped, when it did.
    """

    path: Path | None = None
    begun: bool = False
    finished: bool = False
    kept: frozenset[int] = frozenset()
    progress: dict[str, Any] | None = None
    reason: str | None = None


def folder_of(study: Path, name: str) -> Path:
    """Where the records of a trajectory are."""
    return study / RUNS / name


def standing(study: Path, trajectory: Trajectory) -> Standing:
    """Where `trajectory` stands in the study's folder."""
    return standing_in(folder_of(study, trajectory.name), trajectory.views)


def standing_in(folder: Path, views: tuple[str, ...]) -> Standing:
    """Where the records in a trajectory's folder stand: the finished one with all `views`, else the newest that has
    them. A record that cannot be read, or lacks a view, does not count."""
    found = [one for path in listing.find(folder) if (one := _look(path, views)) is not None]
    finished = [one for one in found if one.finished]
    return (finished or found or [Standing()])[-1]


def _look(path: Path, views: tuple[str, ...]) -> Standing | None:
    try:
        record = Record.open(path)
        result, status = record.result(), record.status()
        carried = views_in(record.config())
    except UserError:
        return None
    if not set(views) <= carried:
        return None
    names = record.checkpoints()
    return Standing(
        path=path,
        begun=True,
        finished=status == "finished",
        kept=frozenset(int(name[5:]) for name in names if re.fullmatch(r"step_\d+", name)),
        progress=result.get("progress"),
        reason=result.get("reason"),
    )
