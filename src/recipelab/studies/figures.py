"""The figures and tables that a study's file asks for, checked before anything is run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from recipelab.config.signature import fill, schema_of
from recipelab.core.errors import UserError, did_you_mean
from recipelab.figures.catalogue import AXES, CATALOGUE


def check_figures(nodes: Sequence[Any], axes: Mapping[str, Any], arms: Collection[str]) -> None:
    """Raises UserError for a name, an option, an axis or an arm that is none, naming the nearest valid one."""
    for index, node in enumerate(nodes):
        key = f"study.figures[{index}]"
        written = {"show": node} if isinstance(node, str) else node
        if not isinstance(written, Mapping) or not isinstance(written.get("show"), str):
            raise UserError(f"{key}={node!r}: a name is expected, or {{show: NAME, option: value}}")
        name = written["show"]
        if name not in CATALOGUE:
            raise UserError(
                f"{key}: there is no figure {name}{did_you_mean(name, CATALOGUE)}\n  figures: {', '.join(CATALOGUE)}"
            )
        options = {k: v for k, v in written.items() if k != "show"}
        found = fill(key, options, schema_of(CATALOGUE[name]), what=name)
        for option in AXES:
            if found.get(option) is not None and found[option] not in axes:
                hint = did_you_mean(str(found[option]), axes)
                raise UserError(
                    f"{key}.{option}={found[option]}: the grid has no such axis{hint}\n  axes: {', '.join(axes)}"
                )
        if found.get("arm") is not None and found["arm"] not in arms:
            raise UserError(f"{key}.arm={found['arm']}: the study has no such arm{did_you_mean(found['arm'], arms)}")
