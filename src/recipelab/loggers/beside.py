"""What a logger finds beside it: rows that are there already, what was said, the study or search of a run."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json


def earlier_rows(folder: Path) -> Iterator[tuple[int, dict[str, float | None]]]:
    """(step, row) of every row in the record's metrics.csv; blanks are None."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return
    with open(path, newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            row = {name: float(cell) if cell else None for name, cell in cells.items()}
            yield int(row["step"] or 0), row


def said_since(folder: Path, place: int) -> tuple[str, int]:
    """Whole lines of the record's train.log from byte `place` on, and the place after them."""
    try:
        with open(folder / "train.log", "rb") as file:
            file.seek(place)
            content = file.read()
    except FileNotFoundError:
        return "", place
    whole = content[: content.rfind(b"\n") + 1]
    return whole.decode("utf-8", "replace"), place + len(whole)


@dataclass(frozen=True)
class Whole:
    """What a run is one of. kind: study, search, cross_validation. name: of its folder. job: the run's part in it.

    says: about the run, for its config.
    """

    kind: str
    name: str
    job: str
    says: Mapping[str, Any]


def whole_of(folder: Path, config: Mapping[str, Any]) -> Whole | None:
    """The study, search or cross-validation that the run of a record is one of, by where the record is.

    STUDY/runs/TRAINING/RECORD, where STUDY/study.json names each training's arms; SEARCH/trials/NUMBER/RECORD;
    CROSS_VALIDATION/RECORD, whose config names the fold.
    """
    parent = folder.resolve().parent
    top = parent.parent.parent
    if parent.parent.name == "runs" and (arms := _arms(top / "study.json", parent.name)) is not None:
        return Whole("study", top.name, arms, {"name": top.name, "arms": arms})
    if parent.parent.name == "trials" and parent.name.isdecimal() and (top / "search.yaml").is_file():
        return Whole("search", top.name, "trial", {"name": top.name, "trial": int(parent.name)})
    fold = (config.get("data") or {}).get("fold")
    if fold is not None and (parent / "cross_validation.json").is_file():
        return Whole("cross_validation", parent.name, "fold", {"name": parent.name, "fold": fold})
    return None


def _arms(file: Path, training: str) -> str | None:
    try:
        return ", ".join(map(str, read_json(file)["trainings"][training]["arms"]))
    except (FileNotFoundError, UserError, KeyError, TypeError):
        return None
