"""From folders to what a report is made of: records are found and named, and put to the studies that they belong to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from recipelab.core.errors import UserError
from recipelab.core.plain import at, read_yaml
from recipelab.records import crossval, results
from recipelab.records.listing import find
from recipelab.reports.material import CrossValidation, Material, OneRun, Reading, StudyMaterial, Unreadable
from recipelab.reports.summary import checked


def gather(places: Sequence[Path]) -> Material:
    """The records and studies at or below each of `places`. Raises UserError where there is none."""
    studies: dict[Path, StudyMaterial] = {}
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
    found = tuple(studies.values())
    title = found[0].title if len(found) == 1 else ", ".join(place.resolve().name for place in places)
    return Material(title, tuple(runs.values()), found, _crossvals(runs.values(), places), tuple(broken.values()))


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


def _crossvals(runs: Iterable[OneRun], places: Sequence[Path]) -> tuple[CrossValidation, ...]:
    """Those whose folder is one of `places` or below it: who names the runs alone is told of the runs alone."""
    named = {place.resolve() for place in places}
    folders: dict[Path, list[OneRun]] = {}
    for run in runs:
        if run.path.resolve() not in named and (run.path.parent / crossval.NAME).is_file():
            folders.setdefault(run.path.parent, []).append(run)
    return tuple(_crossval(folder, members) for folder, members in folders.items())


def _crossval(folder: Path, members: Sequence[OneRun]) -> CrossValidation:
    folds: dict[int, OneRun] = {}
    counts = [0]
    for run in members:
        fold, count = at(run.config, "data", "fold"), at(run.config, "data", "folds")
        if isinstance(fold, int) and isinstance(count, int):
            folds.setdefault(fold, run)
            counts.append(count)
    try:
        summary, problem = crossval.read(folder), ""
    except (UserError, OSError) as error:
        summary, problem = {}, str(error).splitlines()[0].replace(f"{folder}/", "")
    return CrossValidation(folder, dict(sorted(folds.items())), max(counts), summary, problem)
