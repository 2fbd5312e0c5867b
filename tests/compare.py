"""Whether two runs are the same, bit by bit, in everything but the time they took."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

TIMES = {"seconds", "epoch_seconds", "total_seconds", "images_per_second"}


def load(path: Path, name: str = "last") -> dict[str, Any]:
    """A checkpoint, as anybody's torch reads it."""
    content: dict[str, Any] = torch.load(path / "checkpoints" / f"{name}.pt", weights_only=True)
    return content


def different(a: Any, b: Any, where: str = "") -> list[str]:
    """The places at which two nested values differ; tensors bit by bit, times not at all."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        same = a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
        return [] if same else [where]
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        keys = [key for key in {**a, **b} if key not in TIMES]
        return [found for key in keys for found in different(a.get(key), b.get(key), f"{where}/{key}")]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return [found for i, pair in enumerate(zip(a, b, strict=True)) for found in different(*pair, f"{where}/{i}")]
    return [] if type(a) is type(b) and a == b else [f"{where} ({a!r}, {b!r})"]


def table(path: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv as text, less the times; the header row's order counts."""
    with open(path / "metrics.csv", newline="") as file:
        return [{key: cell for key, cell in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def assert_same(a: Path, b: Path, checkpoints: tuple[str, ...] = ("last", "best")) -> None:
    """Two records of the same training: checkpoints (weights, optimizer, views, state), metrics, results."""
    averages = {path.stem for record in (a, b) for path in (record / "checkpoints").glob("best_*.pt")}
    for name in (*checkpoints, *sorted(averages)):
        assert different(load(a, name), load(b, name), name) == []
    rows_a, rows_b = table(a), table(b)
    assert [list(row) for row in rows_a] == [list(row) for row in rows_b]
    assert rows_a == rows_b
    steps = [int(row["step"]) for row in rows_a]
    assert steps == sorted(set(steps))
