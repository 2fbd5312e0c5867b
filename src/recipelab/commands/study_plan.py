"""From the arms of a study to its plan: every recipe checked, what is shared found, every `auto` pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.look import Look, look
from recipelab.commands.sizes import local_data, training_samples
from recipelab.config.identity import flatten
from recipelab.core.errors import UserError
from recipelab.loop.growth import along, grown
from recipelab.loop.plan import make_plan
from recipelab.studies.arms import Arm, settled
from recipelab.studies.averages import together
from recipelab.studies.forks import Course, Fork, forks_of, may_fork, rest_of
from recipelab.studies.plan import Plan, Trajectory, parents_first
from recipelab.studies.trajectory import Asked, identity, shared, trajectory_of, watches_a_view

READ_BY = ("averaging", "select_view", "seed")  # words of an arm that its trajectory says in its own way
PINNED = ("precision", "threads", "compile", "channels_last", "cudnn_benchmark", "deterministic", "sync_batchnorm")


@dataclass
class Planner:
    """Makes plans of arms.

    config_dir: the user's own tree. read: whether data may be read, to count the steps of an epoch.
    slots: trainings at once, among which the cores are shared out. pinned: what was pinned by an earlier call, by the
    identity of a trajectory without its seed; added to.
    """

    config_dir: str | None = None
    read: bool = True
    slots: int = 1
    say: Callable[[str], None] = print
    pinned: dict[str, dict[str, Any]] = field(default_factory=dict)
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plan(self, arms: Sequence[Arm], seeds: Sequence[int]) -> Plan:
        """Raises UserError for the first arm whose recipe cannot be, before anything is run."""
        recipes = {}
        for arm in arms:
            try:
                recipes[arm.name] = Ask(arm.words, None, self.config_dir).recipe()
            except UserError as error:
                raise UserError(f"arm {arm.name}: {error}") from error
        asked = [Asked(arm, seed, recipes[arm.name]) for arm in arms for seed in seeds]
        groups = shared(asked)
        forks = self._forks(groups)
        kept: dict[str, set[int]] = {}
        for fork in forks.values():
            kept.setdefault(fork.parent, set()).add(fork.step)
        carried = _families(groups, forks)
        trajectories = [
            self._trajectory(name, serves, carried[name], forks.get(name), tuple(sorted(kept.get(name, ()))))
            for name, serves in groups.items()
        ]
        return Plan(tuple(asked), parents_first(trajectories))

    def _trajectory(
        self, name: str, serves: Sequence[Asked], family: Sequence[Asked], fork: Fork | None, keep: tuple[int, ...]
    ) -> Trajectory:
        """family: all whose averages it carries, those of its forks and of what it forks from among them."""
        first = serves[0]
        averages, views, names = together([one.recipe for one in family])
        there = {id(one): own for one, own in zip(family, names, strict=True)}
        own = [word for word in first.arm.words if key_of(word).split(".")[0] not in READ_BY]
        renamed = {one.arm.name: there[id(one)][one.view] for one in serves}
        if watches_a_view(first.recipe.config):  # the averages are then its own, by their own names
            own = [word for word in first.arm.words if key_of(word) not in ("select_view", "seed")]
            averages, renamed = [], {}
        kept = [f"trainer.checkpoint_at=[{','.join(map(str, keep))}]"] if keep else []
        words = settled([*own, *averages, *kept, f"seed={first.seed}"])
        return Trajectory(name, tuple(serves), words, views, fork, keep, renamed)

    def _forks(self, groups: Mapping[str, Sequence[Asked]]) -> dict[str, Fork]:
        """Forks among the trajectories of a study; only those that differ in nothing but a schedule are looked at."""
        rests: dict[str, list[str]] = {}
        for name, (first, *_) in groups.items():
            if may_fork(first.recipe.config):
                rests.setdefault(rest_of(trajectory_of(first.recipe.config, first.seed)), []).append(name)
        families = {rest: names for rest, names in rests.items() if len(names) > 1}
        rates: dict[str, np.ndarray | None] = {}
        courses = []
        for rest, names in families.items():
            for name in names:
                first = groups[name][0]
                if first.arm.name not in rates:  # the same for every seed
                    rates[first.arm.name] = self._rates(first)
                courses.append(Course(name, rates[first.arm.name], rest))
        return forks_of(courses)

    def _rates(self, one: Asked) -> np.ndarray | None:
        """(steps,) or (steps, 2) factors of a recipe's schedule, None for one with a state."""
        recipe = one.recipe
        samples, processes = self._counts(one)
        plan = make_plan(recipe.trainer, samples, processes)
        if recipe.batch_schedule:
            plan = grown(plan, recipe.batch_schedule, recipe.trainer.epochs)
        schedule = along(plan, recipe.slots["scheduler"].build(plan.timeline))
        return None if hasattr(schedule, "observe") else np.asarray(schedule)

    def _look(self, one: Asked) -> Look:
        return look(Ask(one.arm.words, None, self.config_dir), declared=not self.read)

    def _counts(self, one: Asked) -> tuple[int, int]:
        """Training samples and processes of a recipe; its data are read once for all recipes that have the same."""
        flat, trainer = flatten(one.recipe.config), one.recipe.trainer
        data = {key: value for key, value in flat.items() if key.startswith("data.") or key == "data_root"}
        key = identity({**data, "devices": trainer.devices, "batch": trainer.batch_size * trainer.accumulate})
        if key not in self._sizes:
            found = self._look(one)
            train, absent = local_data(found, lambda line: None) if self.read else (None, "")
            if self.read and train is None and "download" not in found.recipe.slots["data"].kwargs:
                raise UserError(absent)
            count, whence = training_samples(found, train)
            if train is None:
                self.say(f"{whence if 'samples' in whence else f'{count:,} training samples, {whence}'}")
            self._sizes[key] = (count, found.execution.processes)
        return self._sizes[key]

    def pin(self, trajectory: Trajectory) -> Trajectory:
        """The trajectory with every `auto` of its execution as an earlier call resolved it, or as this machine does."""
        first = trajectory.serves[0]
        key = identity(trajectory_of(first.recipe.config, 0))
        if key not in self.pinned:
            told = self._look(first).execution.overrides()
            if self.slots > 1 and first.recipe.trainer.threads == "auto":
                told["threads"] = max(1, told["threads"] // self.slots)
            self.pinned[key] = {name: told[name] for name in PINNED}
        asked = first.recipe.config["trainer"]
        words = [f"trainer.{name}={_word(value)}" for name, value in self.pinned[key].items() if asked[name] == "auto"]
        return replace(trajectory, words=settled([*trajectory.words, *words]))


def _families(groups: Mapping[str, Sequence[Asked]], forks: Mapping[str, Fork]) -> dict[str, list[Asked]]:
    """Trajectory -> everything that it and those joined to it by forks serve: they carry the same averages."""
    joined = {name: {name} for name in groups}
    for child, fork in forks.items():
        both = joined[child] | joined[fork.parent]
        for name in both:
            joined[name] = both
    return {name: [one for other in groups if other in joined[name] for one in groups[other]] for name in groups}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
