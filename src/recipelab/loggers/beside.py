"""What a logger finds beside it: rows that the record has already, what was said, the study that a run is of."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

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


def study_of(folder: Path) -> tuple[str, str] | None:
    """(study, arms) of a run that is one of a study: the name of its folder, and what is read from this training.

    A record of a study is STUDY/runs/TRAINING/RECORD, and STUDY/study.json names each training's arms.
    """
    training = folder.resolve().parent
    study = training.parent.parent
    if training.parent.name != "runs":
        return None
    try:
        told = read_json(study / "study.json")
        arms = told["trainings"][training.name]["arms"]
    except (FileNotFoundError, UserError, KeyError, TypeError):
        return None
    return study.name, ", ".join(map(str, arms))
