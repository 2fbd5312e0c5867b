"""What a report is made of: run records, and the studies that they belong to, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json, read_yaml
from recipelab.records.listing import find
from recipelab.records.record import Record


@dataclass(frozen=True)
class OneRun:
    """A run record read for a report. path: its folder. name: how the page calls it, unique in it."""

    path: Path
    name: str

    @cached_property
    def record(self) -> Record:
        return Record.open(self.path)

    @cached_property
    def result(self) -> dict[str, Any]:
        """result.json."""
        return self.record.result()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The complete recipe."""
        return self.record.config()

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json."""
        return self.record.environment()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """metrics.csv, a dictionary an evaluation."""
        return self.record.metrics.rows()


@dataclass(frozen=True)
class Reading:
    """One arm of a study with one seed: the run it is read from, and which checkpoint and view of it."""

    arm: str
    seed: int
    value: float
    run: OneRun
    checkpoint: str
    view: str


@dataclass(frozen=True)
class StudyMaterial:
    """A study's folder. definition: study.yaml. summary: summary.json, what its records prove."""

    path: Path
    definition: dict[str, Any]
    summary: dict[str, Any]
    readings: tuple[Reading, ...]

    @property
    def title(self) -> str:
        return str(self.definition.get("question") or self.path.name)


@dataclass(frozen=True)
class Material:
    """All that one report is about. studies: those found. runs: every record, those of studies too."""

    title: str
    runs: tuple[OneRun, ...]
    studies: tuple[StudyMaterial, ...] = field(default_factory=tuple)


def gather(places: Sequence[Path]) -> Material:
    """The records and studies at or below each of `places`. Raises UserError where there is none."""
    studies: list[StudyMaterial] = []
    runs: dict[Path, OneRun] = {}
    for place in places:
        if not place.is_dir():
            raise UserError(
                f"{place}: there is no such folder; a report is made of run records, or of a study's folder"
            )
        found = [OneRun(path, _name(path, place)) for path in find(place)]
        if not found:
            raise UserError(f"{place} holds no run record (a folder with result.json) and no study")
        runs |= {one.path: one for one in found if one.path not in runs}
        studies += [_study(folder, runs) for folder in _study_folders(place)]
    title = studies[0].title if len(studies) == 1 else ", ".join(place.resolve().name for place in places)
    return Material(title, tuple(runs.values()), tuple(studies))


def _name(path: Path, place: Path) -> str:
    return place.resolve().name if path == place else path.relative_to(place).as_posix()


def _study_folders(place: Path) -> Iterator[Path]:
    """Folders with a summary of a study: place itself, and those below it that are no records."""
    if (place / "summary.json").is_file() and (place / "study.yaml").is_file():
        yield place
        return
    if (place / "result.json").is_file():
        return
    for folder in sorted(one for one in place.iterdir() if one.is_dir() and not one.is_symlink()):
        yield from _study_folders(folder)


def _study(folder: Path, runs: dict[Path, OneRun]) -> StudyMaterial:
    """Raises UserError when its files are not those of a study, or name a record that is not below it."""
    summary, definition = read_json(folder / "summary.json"), read_yaml(folder / "study.yaml")
    if not isinstance(summary, dict) or not isinstance(definition, dict):
        raise UserError(f"{folder}: summary.json or study.yaml is not what `recipelab study` writes")
    readings = []
    for row in summary.get("runs", []):
        path = folder / row["record"]
        if path not in runs:
            raise UserError(f"{folder}/summary.json names the record {row['record']}, which is not there")
        readings.append(Reading(row["arm"], row["seed"], row["value"], runs[path], row["checkpoint"], row["view"]))
    return StudyMaterial(folder, definition, summary, tuple(readings))
