"""Which trainings begin as another one does: equal in everything but a schedule whose plan agrees up to a step.

The parent keeps a checkpoint at that step; the fork goes on from it, and is bitwise what it would be alone. What
depends on what a training finds (a plateau, early stopping, memory running out) is never assumed equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipelab.config.identity import flatten
from recipelab.studies.trajectory import identity

WORTH = 0.04
"""Share of a training below which a fork is not worth its checkpoint."""


@dataclass(frozen=True)
class Course:
    """A trajectory as a candidate for forking.

    name: its identity. rates: (steps, G) float64, the learning rate of every step of each parameter group, and other
    scheduled values beside it; None where it depends on what the training finds. rest: everything else that fixes it.
    """

    name: str
    rates: np.ndarray | None
    rest: str


@dataclass(frozen=True)
class Fork:
    """A training that begins as another: the first `step` of `total` steps are its parent's."""

    parent: str
    step: int
    total: int


def rest_of(trajectory: Mapping[str, Any]) -> str:
    """Identity of a trajectory without its schedule."""
    return identity({key: value for key, value in trajectory.items() if not key.startswith("scheduler.")})


def may_fork(config: Mapping[str, Any]) -> bool:
    """Whether all that happens in a training of this recipe is fixed before it begins."""
    flat = flatten(config)
    stateful = flat.get("early_stopping.metric") is not None or flat.get("trainer.on_out_of_memory") == "split"
    return not stateful and flat.get("trainer.debug") is None


def agreement(one: np.ndarray, other: np.ndarray) -> int:
    """The number of first steps at which two plans say the same, bit by bit."""
    length = min(len(one), len(other))
    differ = (one[:length] != other[:length]).reshape(length, -1).any(axis=1)
    return int(np.argmax(differ)) if differ.any() else length


def forks_of(courses: Sequence[Course]) -> dict[str, Fork]:
    """Trajectory -> the one it forks from and where, for the largest saving; those that run whole are absent.

    The trajectories of one `rest` are joined by a maximum spanning tree over the steps that two of them share, rooted
    at the first of them: every training but the root then takes over the longest beginning that any other has.
    """
    found: dict[str, Fork] = {}
    for rest in dict.fromkeys(course.rest for course in courses):
        family = [course for course in courses if course.rest == rest and course.rates is not None]
        joined, left = family[:1], family[1:]
        while left:
            step, parent, child = max(((_agreed(a, b), a, b) for b in left for a in joined), key=lambda edge: edge[0])
            if step >= WORTH * len(_rates(child)) and step < min(len(_rates(child)), len(_rates(parent))):
                found[child.name] = Fork(parent.name, step, len(_rates(child)))
            joined.append(child)
            left.remove(child)
    return found


def _agreed(one: Course, other: Course) -> int:
    return agreement(_rates(one), _rates(other))


def _rates(course: Course) -> np.ndarray:
    assert course.rates is not None
    return course.rates
