"""Python objects in a recipe: `train(model=module, data=(train, test))`.

A recipe's config is plain text, and an object has none. Where one stood the config says so, `{_object_: its class}`,
and a recipe read from such a config is refused: it is not repeatable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipelab.core.errors import UserError

MARK = "_object_"
Objects = Mapping[str, Any]  # by the name of a slot ("model") or of a key of one ("data.train")


def hollow(value: Any) -> dict[str, str]:
    """What a config says in the place of an object."""
    return {MARK: f"{type(value).__module__}.{type(value).__qualname__}"}


def refuse_hollow(name: str, node: Mapping[str, Any]) -> None:
    """Raises UserError for a node that an object was in the place of."""
    if MARK in node:
        raise UserError(
            f"{name} was a Python object of class {node[MARK]}: this recipe cannot be repeated from its config\n"
            f"  fix: call recipelab.train({name.split('.')[0]}=...) from Python with such an object"
        )


def objects_in(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Names of the slots and keys of a config that Python objects stood in."""
    found = []
    for key, node in config.items():
        if isinstance(node, Mapping):
            found += [f"{prefix}{key}"] if MARK in node else objects_in(node, f"{prefix}{key}.")
    return found
