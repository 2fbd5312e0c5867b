"""The recipes of a search: every choice tried before work starts, the words of a drawn trial, every `auto` pinned."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.check import build_parts
from recipelab.commands.look import Look, look
from recipelab.commands.study_plan import PINNED
from recipelab.commands.task import refuse_unknown
from recipelab.config.averages import view_names
from recipelab.config.overrides import written
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.watch import Watch
from recipelab.metrics.catalogue import PRIMARY
from recipelab.studies.arms import settled
from recipelab.tuning.definition import Asked
from recipelab.tuning.objective import COSTS, Goal, Objective
from recipelab.tuning.space import Level, Param

WHEN = "\n  a key that only some choices have is drawn under a condition, in a file: search.when (docs/tuning.md)"
TRIES = 12  # draws of everything else in which a choice is looked for that makes a sound recipe


@dataclass
class Composer:
    """Makes recipes of drawn levels. pinned: how every `auto` of the execution is resolved, once known."""

    asked: Asked
    config_dir: str | None = None
    metric: str | None = None
    pinned: dict[str, Any] = field(default_factory=dict)

    def words(self, drawn: Mapping[str, Level]) -> tuple[str, ...]:
        """The overrides of a trial. Raises UserError when they make no sound recipe."""
        words = self.of(drawn)
        Ask(words, None, self.config_dir).recipe()
        return words

    def of(self, drawn: Mapping[str, Level]) -> tuple[str, ...]:
        """The overrides of a trial, not checked."""
        return settled([*self.plain(drawn), *self._pins(), "lockbox=closed"])

    def plain(self, drawn: Mapping[str, Level]) -> tuple[str, ...]:
        """The overrides as somebody would type them to train the same again."""
        search = self.asked.search
        chosen = [word for p in self.asked.params if p.name in drawn for word in p.words(drawn[p.name])]
        measured = [f"select={'last' if search.at == 'final' else 'best'}", f"select_view={search.view}"]
        measured += [f"select_metric={self.metric}"] if self.metric else []
        return settled(["seed=0", *search.control, *chosen, *self.asked.fixed, *measured])

    def given(self) -> frozenset[str]:
        """What all trials share."""
        return frozenset([*self.asked.search.control, *self.asked.fixed])

    def _pins(self) -> list[str]:
        said = {key_of(word) for word in self.given()} | {param.key for param in self.asked.params}
        pins = {f"trainer.{name}": value for name, value in self.pinned.items()}
        return [f"{key}={written(value)}" for key, value in pins.items() if key not in said]

    def check(self) -> Look:
        """Try every level of every choice, and both ends of every range. Returns what is known of the first recipe.

        One that is refused whatever else is drawn is refused now; a combination that is not so is a failed trial later.
        Raises UserError.
        """
        chance = random.Random(0)
        first = self._sound(None, None, chance)
        found = look(Ask(self.of(first), None, self.config_dir), declared=True)
        for param in self.asked.params:
            for level in param.corners():
                drawn = self._sound(param, level, chance)
                if any(
                    "." not in key_of(word) for word in param.words(level)
                ):  # another network, or schedule: build it
                    build_parts(look(Ask(self.of(drawn), None, self.config_dir), declared=True))
        return found

    def _sound(self, param: Param | None, level: Level | None, chance: random.Random) -> dict[str, Level]:
        """A draw that makes a sound recipe, with a level of a parameter held. Raises the first refusal."""
        refusal: UserError | None = None
        for attempt in range(TRIES):
            drawn = self._draw(param, level, chance if attempt else None)
            try:
                Ask(self.of(drawn), None, self.config_dir).recipe()
                return drawn
            except UserError as error:
                refusal = refusal or error
        assert refusal is not None
        said = str(refusal).replace("select_view=", "search.view=")
        if param is None:
            raise UserError(f"the search: {said}{self._whole(said)}") from refusal
        where = "" if said.startswith(f"{param.name}={level}") else f"{param.name}={level}: "
        hint = "" if len(self.asked.params) == 1 else WHEN
        raise UserError(f"search.space: {where}{said}{self._whole(said)}{hint}") from refusal

    def _whole(self, said: str) -> str:
        """The fix where a range of fractions was given to a key that takes whole numbers."""
        for p in self.asked.params:
            d = p.distribution
            if isinstance(d, FloatDistribution) and said.startswith(f"{p.key}=") and "valid integer" in said:
                return f"\n  fix: {p.key}=int({d.low:g},{d.high:g}{',log' if d.log else ''})"
        return ""

    def _draw(self, held: Param | None, level: Level | None, chance: random.Random | None) -> dict[str, Level]:
        """Levels of all parameters that such a trial has: the first of each, or by chance."""
        drawn: dict[str, Level] = {}
        words = set(self.given())
        needed = held.when if held is not None else None
        for param in self.asked.params:
            if param.when is not None and param.when not in words:
                continue
            if param is held and level is not None:
                drawn[param.name] = level
            elif needed and param.levels and (fits := [v for v, w in param.levels.items() if needed in w]):
                drawn[param.name] = fits[0]
            else:
                drawn[param.name] = param.corners()[0] if chance is None else _any(param, chance)
            words.update(param.words(drawn[param.name]))
        if held is not None and held.name not in drawn:
            raise UserError(
                f"search.when.{held.when}: no choice of the space, and no override of all trials, is this word,"
                f" so {held.key} would never be drawn"
            )
        return drawn

    def settle_objective(self, found: Look) -> Objective:
        """What is optimised, by the metrics and views that the recipe has. Raises UserError."""
        search, recipe = self.asked.search, found.recipe
        goals = []
        for name in search.metrics:
            if name in COSTS:
                goals.append(Goal(name, False, None))
                continue
            watch = Watch(PRIMARY[found.facts.task] if name == "auto" else name, search.view)
            try:
                refuse_unknown(watch, "search", recipe, found.facts, list(view_names(recipe.averaging)))
            except UserError as error:
                costs = f"{did_you_mean(name, COSTS)}\n  costs, of several metrics one: {', '.join(COSTS)}"
                raise UserError(f"{error}{costs}") from None
            goals.append(Goal(watch.metric, watch.rises, watch.column))
        named = [g.name for g in goals if g.column is not None and not g.name.startswith("train_")]
        self.metric = named[0] if named else None
        return Objective(tuple(goals), search.at)

    def pin(self, found: Look, slots: int) -> dict[str, Any]:
        """Every `auto` of the execution as this machine resolves it; the cores are shared out among the slots."""
        told = found.execution.overrides()
        asked = found.recipe.config["trainer"]
        if slots > 1 and asked["threads"] == "auto":
            told["threads"] = max(1, told["threads"] // slots)
        return {name: told[name] for name in PINNED if asked[name] == "auto"}


def _any(param: Param, chance: random.Random) -> Level:
    d = param.distribution
    if param.levels is not None:
        return chance.choice(list(param.levels))
    if isinstance(d, IntDistribution):
        return chance.randrange(d.low, d.high + 1, d.step)
    assert isinstance(d, FloatDistribution)
    return chance.uniform(d.low, d.high)
