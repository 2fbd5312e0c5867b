"""What a report is made of: run records and what they belong to, studies, searches, cross-validations; plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from recipelab.core.errors import UserError
from recipelab.records import results
from recipelab.records.record import Record
from recipelab.reports.searches import Search

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
            said = str(error).splitlines()[0].replace(f"{self.path}/", "")
            self.problems.append(said.replace(f"{self.path} is", "It is"))
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
class CrossValidation:
    """A cross-validation's folder. folds: fold -> its run, in order. count: how many folds there are to be.

    summary: cross_validation.json; problem: why it cannot be read, and so is empty.
    """

    path: Path
    folds: dict[int, OneRun]
    count: int
    summary: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Material:
    """All that one report is about. studies, searches, crossvals: those found. runs: every record that can be read.

    unreadable: the records that cannot.
    """

    title: str
    runs: tuple[OneRun, ...]
    studies: tuple[StudyMaterial, ...] = field(default_factory=tuple)
    searches: tuple[SearchMaterial, ...] = field(default_factory=tuple)
    crossvals: tuple[CrossValidation, ...] = field(default_factory=tuple)
    unreadable: tuple[Unreadable, ...] = field(default_factory=tuple)
