"""Which trainings a study needs: arms whose raw weights are the same at every step share one.

What only looks at a training (averages of its weights, which view and checkpoint the headline is read from) does not
change it, unless a schedule or a stopping rule watches a view.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipelab.config.check import Recipe
from recipelab.config.identity import OUTSIDE_KEYS, flatten
from recipelab.studies.arms import Arm
from recipelab.studies.averages import of_the_training

# What is read from a training, and not part of it.
LOOKING = frozenset({"select", "select_view", "ledger"})
WATCHERS = ("scheduler.view", "early_stopping.view")


@dataclass(frozen=True)
class Asked:
    """One training that a study asks for, before any are shared: an arm with a seed.

    recipe: of the arm, checked; its own seed is left out of account. view, checkpoint: where its result is read.
    """

    arm: Arm
    seed: int
    recipe: Recipe

    @property
    def view(self) -> str:
        """The view whose metrics are the arm's."""
        return self.recipe.run.select_view

    @property
    def checkpoint(self) -> str:
        """last or best."""
        return self.recipe.run.select


def watches_a_view(config: Mapping[str, Any]) -> bool:
    """Whether something that steers the training follows an average, which then belongs to it."""
    flat = flatten(config)
    return any(flat.get(key, "raw") not in ("raw", None) for key in WATCHERS)


def trajectory_of(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What fixes the raw weights of a training at every step, as far as a recipe tells: its keys, flat.

    config: a complete recipe, as `check` returns it. Two recipes with equal keys are one training.
    """
    watched = watches_a_view(config)
    flat = {
        key: value
        for key, value in flatten(config).items()
        if key not in OUTSIDE_KEYS | LOOKING
        and not key.startswith("logger.")
        and (watched or not key.startswith("averaging."))
    }
    return {**flat, **of_the_training(config), "seed": seed}


def identity(trajectory: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a trajectory: the name of its folder in a study."""
    text = json.dumps(trajectory, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared(asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    """Identity of each trajectory -> what is read from it, in the order asked for.

    How averages are evaluated is nothing to an arm that has none: it joins the first that is otherwise the same.
    """
    groups: dict[str, list[Asked]] = {}
    hosts: dict[str, str] = {}
    for one in sorted(asked, key=lambda one: not one.recipe.config.get("averaging")):  # stable: hosts first
        trajectory = trajectory_of(one.recipe.config, one.seed)
        bare = identity({key: value for key, value in trajectory.items() if not key.startswith("averaging.")})
        name = identity(trajectory)
        if one.recipe.config.get("averaging") is None:
            name = hosts.get(bare, name)
        elif not watches_a_view(one.recipe.config):
            hosts.setdefault(bare, name)
        groups.setdefault(name, []).append(one)
    place = {id(one): index for index, one in enumerate(asked)}
    ordered = [(name, sorted(group, key=lambda one: place[id(one)])) for name, group in groups.items()]
    return dict(sorted(ordered, key=lambda item: place[id(item[1][0])]))
