"""The arms of a study: every combination of its axes, or every named change of its control, as words of `train`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipelab.config.overrides import written
from recipelab.core.errors import UserError, did_you_mean
from recipelab.studies.definition import CONTROL, Study, claims_of, scale_words
from recipelab.studies.figures import check_figures


@dataclass(frozen=True)
class Arm:
    """One recipe of a study.

    name: as tables show it. levels: axis -> level, of an arm of a grid. words: overrides of `recipelab train`.
    """

    name: str
    levels: dict[str, str]
    words: tuple[str, ...]


def arms_of(study: Study, words: Sequence[str] = ()) -> list[Arm]:
    """Every arm, in the order of the file. words: overrides of the command line, which win.

    Raises UserError when two arms have one name, or when the baseline or a claim names none.
    """
    alone: list[tuple[str, dict[str, str], list[str]]] = [(CONTROL, {}, [])] if study.control or not study.arms else []
    cells = _grid(study) if study.grid else alone
    arms = [_arm(study, name, levels, changes, words) for name, levels, changes in cells]
    for name, changes in study.arms.items():
        if any(arm.name == name for arm in arms):
            raise UserError(f"study.arms.{name}: there is another arm of that name")
        arms.append(_arm(study, name, {}, changes, words))
    names = [arm.name for arm in arms]
    if isinstance(study.baseline, str):
        _require(study.baseline, names, "study.baseline")
    baselines_of(study, arms)
    for claim in claims_of(study):
        _require(claim.arm, names, "study.claims.arm")
        _require(None if claim.than == CONTROL else claim.than, names, "study.claims.than")
    check_figures(study.figures, study.grid, names)
    return arms


def baselines_of(study: Study, arms: Sequence[Arm]) -> dict[str, str]:
    """Name of an arm -> name of the one that it is compared with; its own name for a baseline.

    Raises UserError for a level that an axis has not.
    """
    if not isinstance(study.baseline, dict):
        name = study.baseline or arms[0].name
        return {arm.name: name for arm in arms}
    by_levels = {tuple(arm.levels.items()): arm.name for arm in arms if arm.levels}
    for axis, level in study.baseline.items():
        levels = list(dict.fromkeys(arm.levels[axis] for arm in arms if axis in arm.levels))
        if level not in levels:
            hint = did_you_mean(level, levels) if levels else did_you_mean(axis, study.grid)
            raise UserError(f"study.baseline.{axis}={level}: the study has no such level{hint}")
    changed = {arm.name: {**arm.levels, **study.baseline} for arm in arms if arm.levels}
    return {name: by_levels[tuple(levels.items())] for name, levels in changed.items()}


def _require(name: str | None, names: Sequence[str], key: str) -> None:
    if name is not None and name not in names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise UserError(f"{key}={name!r} is no arm of this study{did_you_mean(name, names)}\n  arms: {shown}")


def _grid(study: Study) -> list[tuple[str, dict[str, str], list[str]]]:
    """(name, levels, overrides) of every combination, the last axis changing fastest."""
    axes = [_levels(key, axis) for key, axis in study.grid.items()]
    cells = []
    for choice in itertools.product(*axes):
        levels = {key: level for key, (level, _) in zip(study.grid, choice, strict=True)}
        cells.append((", ".join(levels.values()), levels, [word for _, changes in choice for word in changes]))
    names = [name for name, _, _ in cells]
    if len(set(names)) < len(names):
        raise UserError("study.grid: two levels of one axis have the same name")
    return cells


def _levels(key: str, axis: Any) -> list[tuple[str, list[str]]]:
    if isinstance(axis, dict):
        return [(str(level), list(changes)) for level, changes in axis.items()]
    return [(_level_name(key, value), [f"{key}={written(value)}"]) for value in axis]


def _level_name(key: str, value: Any) -> str:
    """A value by itself where the key is a choice (model=resnet20), else with the last part of its key (lr=0.1)."""
    return f"{key.rpartition('.')[2]}={written(value)}" if "." in key else written(value)


def _arm(study: Study, name: str, levels: dict[str, str], changes: Sequence[str], words: Sequence[str]) -> Arm:
    after = [*scale_words(study), *words]
    said = {*study.control, *changes, *after}
    brought = [word for met, bring in study.when.items() if met in said for word in bring]
    return Arm(name, levels, settled([*study.control, *brought, *changes, *after]))


def settled(words: Sequence[str]) -> tuple[str, ...]:
    """Words of which each key is said once, as last said: the shortest command that means the same.

    A choice of `none` also takes away what was said of that group's keys before it.
    """
    last: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        key = key.lstrip("+~")
        if value in ("none", "null") and "." not in key:
            last = {k: w for k, w in last.items() if not k.startswith(f"{key}.")}
        last[key] = word
    return tuple(last.values())
