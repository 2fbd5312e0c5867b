"""What a command line asks for, as a checked recipe: the same words for train, check and show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipelab.config.check import Recipe, check
from recipelab.config.compose import compose, load_base
from recipelab.config.trust import refuse_places


@dataclass(frozen=True)
class Ask:
    """The words of a command: overrides, and where else recipes come from.

    config: a yaml file or a record to start from instead of the defaults. config_dir: the user's own tree.
    """

    overrides: tuple[str, ...] = ()
    config: str | None = None
    config_dir: str | None = None

    def recipe(self, base: Path | None = None, without: Sequence[str] = ()) -> Recipe:
        """Compose and check. base: a record to start from instead; without: keys whose override is left out."""
        source = base or self.config
        start = load_base(source) if source else None
        if start is not None:
            refuse_places(start, {key_of(o) for o in self.overrides}, begins=base is None)
        kept = [o for o in self.overrides if key_of(o) not in without]
        return check(compose(kept, config_dir=self.config_dir, base=start))

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
