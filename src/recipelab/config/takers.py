"""Which choices of a slot take a key: what a message says when the chosen one does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from recipelab.config.signature import schema_of
from recipelab.config.slots import SLOTS, locate
from recipelab.config.tree import groups, packaged_tree
from recipelab.core.errors import UserError


def choices_where(slot: str, holds: Callable[[Any], bool]) -> list[str]:
    """The packaged choices of `slot` whose target fulfils `holds`. Imports all of them: for messages alone."""
    found = []
    for choice in groups().get(slot, []):
        node = yaml.safe_load((packaged_tree() / slot / f"{choice}.yaml").read_text(encoding="utf-8")) or {}
        path = (node.get(slot) or node).get("_target_")  # a file of package _global_ names its slot
        try:
            if path and holds(locate(slot, path, trusted=True)):
                found.append(choice)
        except UserError:  # a choice that needs a package which is not here
            continue
    return found


def taken_by(slot: str, key: str) -> str:
    """A line that names the choices which take the key, to add to a message; nothing when none does."""
    if slot not in SLOTS:
        return ""
    choices = choices_where(slot, lambda target: key in schema_of(target, SLOTS[slot].supplied).parameters)
    return f"\n  it is an option of {slot}={', '.join(choices)}" if choices else ""
