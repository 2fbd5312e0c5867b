"""Targets as somebody stored them, to labels or float targets: what they are is told by their type, or by the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.core.errors import UserError

Task = Literal["auto", "classification", "regression"]


@dataclass(frozen=True)
class Targets:
    """Targets of both parts.

    task: classification or regression. width: number of classes, or of targets. names: of classes; empty when they
    are numbers. train, test: (N,) int64, or (N, T) float32; test is None without a test part.
    remarks: lines to print.
    """

    task: str
    width: int
    names: tuple[str, ...]
    train: Tensor
    test: Tensor | None
    remarks: list[str] = field(default_factory=list)


def to_targets(
    train: NDArray[Any], test: NDArray[Any] | None, *, task: Task, where: str, classes: int | None = None
) -> Targets:
    """Labels or float targets of both parts from arrays of numbers or names.

    train, test: (N,) or (N, T). task: "auto": floats are a regression, all else classes. where: for messages.
    classes: number of integer classes; by default the largest label of train tells it.
    Raises UserError when the task contradicts the type, a value is not finite, or a label is out of range.
    """
    parts = [_column(part, where) for part in (train, test) if part is not None]
    for part in parts:
        if part.dtype.kind not in "fiubUS":
            raise UserError(f"{where}: targets of type {part.dtype} are not read; numbers or names are expected")
    floats = any(part.dtype.kind == "f" for part in parts)
    if task == "classification" and floats:
        raise UserError(
            f"{where}: data.task=classification contradicts the targets, which are {parts[0].dtype}\n"
            "  fix: data.task=regression, or store the classes as integers"
        )
    if task == "regression" or (task == "auto" and floats):
        return _regression(parts, where)
    return _classification(parts, where, classes)


def _column(values: NDArray[Any], where: str) -> NDArray[Any]:
    """(N,), where there is one target a sample, or (N, T)."""
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise UserError(f"{where}: targets are {values.shape}: (N,) or (N, T) is expected, and nothing empty")
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _regression(parts: Sequence[NDArray[Any]], where: str) -> Targets:
    floats = []
    for part in parts:
        if part.dtype.kind in "US":
            raise UserError(
                f"{where}: data.task=regression contradicts the targets, which are names like {str(part[0])!r}"
            )
        with np.errstate(over="ignore"):
            values = part.astype(np.float32).reshape(len(part), -1)
        bad = ~np.isfinite(values).all(1)
        if bad.any():
            raise UserError(
                f"{where}: {int(bad.sum()):,} targets are not finite (NaN, or too large for float32),"
                f" the first is row {int(np.flatnonzero(bad)[0])}"
            )
        floats.append(torch.from_numpy(values))
    widths = {values.shape[1] for values in floats}
    if len(widths) > 1:
        raise UserError(f"{where}: train has {floats[0].shape[1]} targets a sample, and test {floats[1].shape[1]}")
    remarks = [_summary(floats[0])]
    return Targets("regression", widths.pop(), (), floats[0], floats[1] if len(floats) > 1 else None, remarks)


def _summary(values: Tensor) -> str:
    """The range of the targets; a loss of their squares trains best when they are neither huge nor tiny."""
    lines = [
        f"{low:.4g} to {high:.4g}" for low, high in zip(values.amin(0).tolist(), values.amax(0).tolist(), strict=True)
    ]
    more = ", ..." if len(lines) > 4 else ""
    text = f"targets: {', '.join(lines[:4])}{more}"
    std = values.double().std(0, unbiased=False)
    if len(values) > 1 and bool(((std > 10) | ((std > 0) & (std < 0.1))).any()):
        text += " (far from a spread of 1: a learning rate for other data may be far off; optimizer=adamw minds least)"
    return text


def _classification(parts: Sequence[NDArray[Any]], where: str, classes: int | None) -> Targets:
    if any(part.ndim == 2 for part in parts):
        raise UserError(
            f"{where}: targets have {parts[0].shape[-1]} columns: a class is one number or name a sample\n"
            "  fix: one-hot rows become labels by argmax(1); several numbers are data.task=regression"
        )
    if {part.dtype.kind in "US" for part in parts} == {True, False}:
        raise UserError(f"{where}: targets are names in one part and numbers in the other")
    if parts[0].dtype.kind in "US":
        return _named(parts, where)
    labels = [torch.from_numpy(part.astype(np.int64)) for part in parts]
    count = classes or int(labels[0].max()) + 1
    for name, values in zip(("train", "test"), labels, strict=False):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= count:
            wrong = low if low < 0 else high
            raise UserError(
                f"{where}: label {wrong} in {name} is out of range: there are {count} classes, 0 to {count - 1}"
                + ("" if classes else ", by the labels of train; data.num_classes=K says otherwise")
            )
    if count > max(2, len(labels[0])):
        raise UserError(f"{where}: labels reach {count - 1:,} for {len(labels[0]):,} samples: 0 to K - 1 is expected")
    absent = count - len(labels[0].unique())
    remarks = [f"warning: {absent} of the {count} classes have no sample (labels count from 0)"] if absent else []
    return Targets("classification", count, (), labels[0], labels[1] if len(labels) > 1 else None, remarks)


def _named(parts: Sequence[NDArray[Any]], where: str) -> Targets:
    columns = [np.char.decode(part, "utf-8") if part.dtype.kind == "S" else part for part in parts]
    found = sorted({str(name) for name in columns[0]})
    names = tuple(sorted(found, key=float) if all(map(_is_whole, found)) else found)
    strange = sorted({str(name) for column in columns[1:] for name in column} - set(names))
    if strange:
        raise UserError(f"{where}: classes that only the test part has: {', '.join(strange[:5])}")
    place = {name: label for label, name in enumerate(names)}
    labels = [torch.tensor([place[str(name)] for name in column], dtype=torch.int64) for column in columns]
    return Targets("classification", len(names), names, labels[0], labels[1] if len(labels) > 1 else None)


def _is_whole(name: str) -> bool:
    return name.lstrip("+-").isdecimal()
