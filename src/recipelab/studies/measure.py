"""What the records of a study hold of a metric, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recipelab.core.errors import UserError
from recipelab.records.ledger import TEST, Ledger, at_checkpoint
from recipelab.records.record import Record
from recipelab.statistics.agreement import Correct
from recipelab.studies.plan import Plan
from recipelab.studies.state import standing


@dataclass(frozen=True)
class Measured:
    """One arm with one seed, as its record has it. value: of the study's metric on its split."""

    arm: str
    seed: int
    value: float
    seconds: float | None
    record: Path
    view: str
    checkpoint: str
    metrics: Mapping[str, Mapping[str, Any]]
    execution: str
    protocol: str


@dataclass(frozen=True)
class Kept:
    """The record of a trajectory, or None (path). result: of a finished one. execution: what ran it, in words."""

    path: Path | None
    result: Mapping[str, Any]
    execution: str

    @cached_property
    def test_ledger(self) -> Ledger | None:
        """What became of every test sample; None where that was not kept, or cannot be read."""
        try:
            return None if self.path is None else Record.open(self.path).ledger(TEST).read()
        except (UserError, OSError):
            return None

    def test_samples(self, view: str, checkpoint: str) -> tuple[str, Correct] | None:
        """(hash of the split, (N,) correctness) of a view as the lockbox saw it; None where that was not kept."""
        ledger = self.test_ledger
        if ledger is None or ledger.head.kind == "error":
            return None
        names = [at_checkpoint(view, name) for name in (checkpoint, "last")]
        name = next((name for name in names if name in ledger.views), None)
        return None if name is None else (ledger.head.sha256, ledger.correct(name)[-1])


class Readings:
    """All records of a plan that count, read from a study's folder when it is made."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self._kept = {t.name: _read(standing(folder, t).path) for t in plan.trajectories}
        self._order = {(one.arm.name, one.seed): i for i, one in enumerate(plan.asked)}

    def measured(self, metric: str, split: str) -> tuple[list[Measured], list[str]]:
        """What is there of the metric, and (arm, seed) of what is not, in words."""
        found, missing = [], []
        for trajectory in self.plan.trajectories:
            kept = self._kept[trajectory.name]
            for one in trajectory.serves:
                view = trajectory.view_of(one)
                metrics = {s: _at(kept.result, s, one.checkpoint, view) for s in ("train", "val", "test")}
                value = metrics[split].get(metric)
                if kept.path is None or not isinstance(value, int | float):
                    missing.append(f"{one.arm.name}, seed {one.seed}")
                    continue
                seconds = kept.result.get("seconds")
                where = (kept.path, view, one.checkpoint, metrics, kept.execution, str(kept.result.get("protocol")))
                found.append(Measured(one.arm.name, one.seed, float(value), seconds, *where))
        return sorted(found, key=lambda m: self._order[m.arm, m.seed]), missing

    def by_arm(self, metric: str, split: str) -> dict[str, dict[int, float]]:
        """Arm -> seed -> value; an arm without any stays empty."""
        found: dict[str, dict[int, float]] = {one.arm.name: {} for one in self.plan.asked}
        for m in self.measured(metric, split)[0]:
            found[m.arm][m.seed] = m.value
        return found

    def test_samples(self) -> dict[str, dict[int, tuple[str, Correct]]]:
        """Arm -> seed -> (hash of the test split, correctness of its samples (N,)), where it was kept."""
        found: dict[str, dict[int, tuple[str, Correct]]] = {one.arm.name: {} for one in self.plan.asked}
        for trajectory in self.plan.trajectories:
            for one in trajectory.serves:
                kept = self._kept[trajectory.name].test_samples(trajectory.view_of(one), one.checkpoint)
                if kept is not None:
                    found[one.arm.name][one.seed] = kept
        return found


def _read(path: Path | None) -> Kept:
    """result.json of a finished record, and in words what executed it; nothing of any other."""
    if path is None:
        return Kept(path, {}, "")
    record = Record.open(path)
    result = record.result()
    if result.get("status") != "finished":
        return Kept(path, {}, "")
    execution = record.environment().get("execution") or {}
    versions = ", ".join(f"{k} {v}" for k, v in (execution.get("versions") or {}).items())
    told = f"{execution.get('device')}, {execution.get('threads')} threads, {versions}"
    return Kept(path, result, told)


def _at(result: Mapping[str, Any], split: str, checkpoint: str, view: str) -> dict[str, Any]:
    there = result.get(split) or {}
    there = there.get(checkpoint) or there.get("last") or {}
    metrics = there.get(view) or {}
    return dict(metrics)


def paired(one: Mapping[int, float], other: Mapping[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values of two arms at the seeds that both have."""
    seeds = [seed for seed in one if seed in other]
    return np.array([one[s] for s in seeds]), np.array([other[s] for s in seeds])
