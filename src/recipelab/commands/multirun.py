"""`recipelab train --multirun`: Hydra's syntax for several values of a key, as a study without a name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from recipelab.commands.study import Order, run_study
from recipelab.config.overrides import search_hint
from recipelab.core.errors import UserError
from recipelab.studies.findings import Findings


def multirun(overrides: Sequence[str], *, dry_run: bool = False, **order: Any) -> Findings | None:
    """Every combination of the values that `overrides` name: model=resnet20,resnet56 optimizer.lr=choice(0.1,0.01).

    Several seeds (seed=1,2,3) are one axis of their own, by which the others are paired. Raises UserError.
    """
    parser = OverridesParser.create()
    control, grid, seeds, output = [], {}, [0], "outputs"
    for word in overrides:
        try:
            parsed = parser.parse_override(word)
        except (HydraException, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"cannot read the override {word!r}: {reason}{search_hint(word)}") from None
        key = parsed.key_or_group
        if key == "seed":
            values = list(parsed.sweep_iterator()) if parsed.is_sweep_override() else [parsed.value()]
            seeds = [int(str(value)) for value in values]
        elif parsed.is_sweep_override():
            grid[key] = {_level(key, v): [f"{key}={v}"] for v in map(str, parsed.sweep_string_iterator())}
        elif key == "output":
            output = str(parsed.value())
        else:
            control.append(word)
    content: dict[str, Any] = {"control": control, "seeds": seeds}
    if grid:
        content["grid"] = grid
    words = sorted(word for word in overrides if not word.startswith("output="))
    title = f"multirun_{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:8]}"
    again = ["recipelab", "train", "--multirun", *overrides]
    return run_study(content, title, (), Order(output=str(Path(output)), **order), dry_run=dry_run, again=again)


def _level(key: str, value: str) -> str:
    return f"{key.rpartition('.')[2]}={value}" if "." in key else value
