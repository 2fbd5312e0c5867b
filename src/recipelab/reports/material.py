"""What a report is made of: run records, and the studies and searches that they belong to, as plain data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from recipelab.core.errors import UserError
from recipelab.core.plain import read_yaml
from recipelab.records import results
from recipelab.records.listing import find
from recipelab.records.record import Record
from recipelab.reports.searches import Search, read_search, search_folders
from recipelab.reports.summary import checked

T = TypeVar("T")


@dataclass(frozen=True)
class OneRun:
    """A run record read for a report. path: its folder. name: how the page calls it, unique in it.

    A file of it that is missing or cannot be read counts as empty, and `problems` names it.
    """

    path: Path
    name: str
    problems: list[str] = field(default_factory=list, compare=False)

    @cached_property
    def record(self) -> Record:
        return Record.open(self.path)

    @cached_property
    def result(self) -> dict[str, Any]:
        """result.json."""
        return self.record.result()

    @cached_property
    def status(self) -> str:
        """running, finished, interrupted or failed."""
        return results.status(self.path, self.result)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The complete recipe."""
        return self._read(self.record.config, {})

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json."""
        return self._read(self.record.environment, {})

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """metrics.csv, a dictionary an evaluation."""
        return self._read(self.record.metrics.rows, [])

    def _read(self, ask: Callable[[], T], empty: T) -> T:
        try:
            return ask()
        except (UserError, OSError) as error:
            self.problems.append(str(error).splitlines()[0].replace(f"{self.path}/", ""))
            return empty


@dataclass(frozen=True)
class Unreadable:
    """A record that no number can be taken from. reason: why."""

    name: str
    reason: str


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
    """A study's folder. definition: study.yaml. summary: summary.json, what its records prove.

    lost: records that the summary counts, and that cannot be read any more.
    """

    path: Path
    definition: dict[str, Any]
    summary: dict[str, Any]
    readings: tuple[Reading, ...]
    lost: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return str(self.definition.get("question") or self.path.resolve().name)


@dataclass(frozen=True)
class SearchMaterial:
    """A search's folder. runs: record below the folder -> the run, of those that can be read."""

    path: Path
    found: Search
    runs: dict[str, OneRun]

    @property
    def title(self) -> str:
        return self.found.question or self.path.resolve().name


@dataclass(frozen=True)
class Material:
    """All that one report is about. studies, searches: those found. runs: every record that can be read, theirs too.

    unreadable: the records that cannot.
    """

    title: str
    runs: tuple[OneRun, ...]
    studies: tuple[StudyMaterial, ...] = field(default_factory=tuple)
    unreadable: tuple[Unreadable, ...] = field(default_factory=tuple)
    searches: tuple[SearchMaterial, ...] = field(default_factory=tuple)


def gather(places: Sequence[Path]) -> Material:
    """The records, studies and searches at or below each of `places`. Raises UserError where there is none."""
    studies: dict[Path, StudyMaterial] = {}
    searches: dict[Path, SearchMaterial] = {}
    runs: dict[Path, OneRun] = {}
    broken: dict[Path, Unreadable] = {}
    for place in places:
        for path in _records(place):
            key = path.resolve()
            if key in runs or key in broken:
                continue
            one = OneRun(path, _told_apart(_name(path, place, places), [run.name for run in runs.values()]))
            if (reason := _unreadable(one)) is None:
                runs[key] = one
            else:
                broken[key] = Unreadable(one.name, reason)
    for place in places:
        studies |= {key: _study(folder, runs) for folder in _study_folders(place) if (key := folder.resolve())}
        searches |= {key: _search(folder, runs) for folder in search_folders(place) if (key := folder.resolve())}
    titles = [*(one.title for one in studies.values()), *(one.title for one in searches.values())]
    title = titles[0] if len(titles) == 1 else ", ".join(place.resolve().name for place in places)
    return Material(
        title, tuple(runs.values()), tuple(studies.values()), tuple(broken.values()), tuple(searches.values())
    )


def _records(place: Path) -> list[Path]:
    if not place.is_dir():
        what = "is no folder" if place.exists() else "does not exist"
        raise UserError(f"{place} {what}: a report is made of run records, or of a study's folder")
    found = list(find(place))
    if not found:
        raise UserError(f"{place} holds no run record (a folder with result.json) and no study")
    return found


def _name(path: Path, place: Path, places: Sequence[Path]) -> str:
    """The record's path below the place that was named; with several places, below it by its name."""
    if path == place:
        return place.resolve().name
    below = path.relative_to(place).as_posix()
    return f"{place.resolve().name}/{below}" if len(places) > 1 else below


def _told_apart(name: str, taken: Sequence[str]) -> str:
    """`name`, numbered where records of several places have the same."""
    names = (name if number == 1 else f"{name} ({number})" for number in itertools.count(1))
    return next(one for one in names if one not in taken)


def _unreadable(one: OneRun) -> str | None:
    try:
        assert one.status
    except (UserError, OSError) as error:
        return str(error).splitlines()[0].replace(f"{one.path}/", "")
    return None


def _study_folders(place: Path) -> Iterator[Path]:
    """Folders with a summary of a study: place itself, and those below it that are no records."""
    if (place / "summary.json").is_file() and (place / "study.yaml").is_file():
        yield place
        return
    if (place / results.NAME).is_file():
        return
    for folder in sorted(one for one in place.iterdir() if one.is_dir() and not one.is_symlink()):
        if not folder.name.startswith("."):
            yield from _study_folders(folder)


def _study(folder: Path, runs: dict[Path, OneRun]) -> StudyMaterial:
    """Raises UserError when its files are not those of a study."""
    summary, definition = checked(folder / "summary.json"), read_yaml(folder / "study.yaml")
    if not isinstance(definition, dict):
        raise UserError(f"{folder}/study.yaml is not what `recipelab study` writes")
    readings, lost = [], []
    for row in summary["runs"]:
        one = runs.get((folder / row["record"]).resolve())
        if one is None:
            lost.append(row["record"])
        else:
            readings.append(Reading(row["arm"], row["seed"], row["value"], one, row["checkpoint"], row["view"]))
    return StudyMaterial(folder, definition, summary, tuple(readings), tuple(dict.fromkeys(lost)))


def _search(folder: Path, runs: dict[Path, OneRun]) -> SearchMaterial:
    """Raises UserError when its files are not those of a search."""
    found = read_search(folder)
    there = {one.record: runs.get((folder / one.record).resolve()) for one in found.trials if one.record}
    return SearchMaterial(folder, found, {record: run for record, run in there.items() if run is not None})
