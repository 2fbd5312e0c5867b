"""What a command line asks for, as a checked recipe: the same words for train, check and show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recipelab.config.check import Recipe, check
from recipelab.config.compose import compose, load_base
from recipelab.config.objects import Objects
from recipelab.config.slots import SLOTS
from recipelab.config.trust import refuse_places
from recipelab.core.errors import UserError, did_you_mean
from recipelab.loggers.several import listed

DATASETS = "data=datasets"  # the choice of data that holds datasets given as objects
DATA_PARTS = ("train", "test", "val")


@dataclass(frozen=True)
class Ask:
    """The words of a command: overrides, and where else recipes come from.

    config: a yaml file or a record to start from instead of the defaults. config_dir: the user's own tree.
    objects: Python objects in the place of slots, or of keys of one.
    """

    overrides: tuple[str, ...] = ()
    config: str | None = None
    config_dir: str | None = None
    objects: Objects = field(default_factory=dict)

    def recipe(self, base: Path | None = None, without: Sequence[str] = ()) -> Recipe:
        """Compose and check. base: a record to start from instead; without: keys whose override is left out."""
        source = base or self.config
        start = load_base(source) if source else None
        if start is not None:
            refuse_places(start, {key_of(o) for o in self.overrides}, begins=base is None)
        kept = [o for o in self.overrides if key_of(o) not in without]
        self._refuse_overruled(kept)
        return check(compose(kept, config_dir=self.config_dir, base=start), self.objects)

    def _refuse_overruled(self, overrides: Sequence[str]) -> None:
        """Raises UserError for an override of what is a Python object."""
        for override in overrides:
            key = key_of(override)
            for name in self.objects:
                whole = key == name.split(".")[0] and override != DATASETS
                if whole or f"{key}.".startswith(f"{name}."):
                    raise UserError(f"{override} has nothing to apply to: {name} was given as a Python object")

    def value(self, key: str) -> str | None:
        """What the last override of `key` says, or None."""
        said = [o.partition("=")[2] for o in self.overrides if key_of(o) == key]
        return said[-1] if said else None

    def words(self) -> list[str]:
        """Options to repeat when the command is printed to be typed again."""
        folder = [f"--config-dir={self.config_dir}"] if self.config_dir else []
        return folder + self.trusted()

    def trusted(self) -> list[str]:
        """Overrides to repeat to a record that has them already: what a command names is trusted."""
        return [o for o in self.overrides if key_of(o).endswith("._target_") or key_of(o) == "data.cache"]


def key_of(override: str) -> str:
    """The key of an override, without the sign before it."""
    return override.partition("=")[0].lstrip("+~")


def ask_with_objects(ask: Ask, objects: Mapping[str, Any]) -> Ask:
    """`ask` with Python objects in the place of slots; data=(train, test[, val]) become the keys of data=datasets.

    Raises UserError for a name that is no slot, and for data that are neither Datasets nor a source.
    """
    if not objects:
        return ask
    found: dict[str, Any] = {}
    for name, value in objects.items():
        if name not in SLOTS:
            raise UserError(f"train({name}=...): there is no such slot{did_you_mean(name, SLOTS)}")
        if name == "logger" and isinstance(value, list | tuple):
            found[name] = listed(value)
        elif name != "data" or all(hasattr(value, member) for member in SLOTS["data"].members):
            found[name] = value
        elif isinstance(value, tuple) and len(value) in (2, 3):
            found |= {f"data.{part}": item for part, item in zip(DATA_PARTS, value, strict=False) if item is not None}
        else:
            raise UserError(
                "train(data=...): a tuple of torch Datasets is expected, (train, test) or (train, test, val)"
            )
    words = (
        (DATASETS, *ask.overrides)
        if "data.train" in found and not (ask.config or ask.value("trainer.resume"))
        else ask.overrides
    )
    return replace(ask, overrides=words, objects=found)
