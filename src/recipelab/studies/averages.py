"""The averages of several arms carried by one training: averaging does not feed back, so they can share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recipelab.config.check import Recipe, view_names
from recipelab.config.schema import Averaging
from recipelab.config.signature import fill, schema_of


def views_in(config: Mapping[str, Any]) -> set[str]:
    """The views that a complete recipe carries."""
    node = config.get("averaging")
    section = Averaging(**fill("averaging", node, schema_of(Averaging))) if node else None
    return set(view_names(section))


def together(recipes: Sequence[Recipe]) -> tuple[list[str], tuple[str, ...]]:
    """Words that give one training every average of `recipes`, and the views that it then has."""
    decays: list[float] = []
    for recipe in recipes:
        decays += [d for d in (recipe.averaging.decays if recipe.averaging else []) if d not in decays]
    if not decays:
        return ["averaging=none"], ("raw",)
    words = ["averaging=ema", f"averaging.decays=[{','.join(map(repr, decays))}]"]
    return words, tuple(["raw", *(f"ema_{d}" for d in decays)])
