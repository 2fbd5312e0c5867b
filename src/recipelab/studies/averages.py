"""The averages of several arms carried by one training: averaging does not feed back, so they can share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from recipelab.config.averages import RAW, SHORT, named_averages, view_names
from recipelab.config.check import Recipe
from recipelab.config.overrides import written
from recipelab.config.schema import Averaging
from recipelab.config.signature import fill, schema_of

PER_TRAINING = ("buffers", "recompute_batches", "evaluate_every")
"""Keys of the section that are of all averages of a training together: arms that differ in them share none."""
STORES = ("store", "store_limit")


def section_of(config: Mapping[str, Any]) -> Averaging | None:
    """The averaging section of a complete recipe."""
    node = config.get("averaging")
    return Averaging(**fill("averaging", node, schema_of(Averaging))) if node else None


def views_in(config: Mapping[str, Any]) -> set[str]:
    """The views that a complete recipe carries."""
    return set(view_names(section_of(config)))


def of_the_training(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe's averaging keeps it from sharing a training with another; defaults where it has no section."""
    section = section_of(config) or Averaging()
    return {f"averaging.{key}": getattr(section, key) for key in PER_TRAINING}


def together(recipes: Sequence[Recipe]) -> tuple[list[str], tuple[str, ...], list[dict[str, str]]]:
    """One training's averages for several recipes.

    Returns the words that give it all of them, its views, and for each recipe its view's names -> theirs there: an
    average that has the name of another with other options gets a number behind it.
    """
    nodes: dict[str, dict[str, Any]] = {}
    names = []
    for recipe in recipes:
        own = {RAW: RAW}
        for name, named in named_averages(recipe.averaging).items():
            node = {"kind": named.kind, **{key: value for key, value in named.kwargs.items() if value is not None}}
            own[name] = _placed(nodes, name, node)
        names.append(own)
    sections = [recipe.averaging for recipe in recipes if recipe.averaging is not None]
    if not sections:
        return ["averaging=none"], (RAW,), names
    first, plain = sections[0], asdict(Averaging())
    words = ["averaging=ema", *(f"averaging.{key}=null" for key in SHORT), f"averaging.averages={written(nodes)}"]
    words += [
        f"averaging.{key}={written(getattr(first, key))}" for key in PER_TRAINING if getattr(first, key) != plain[key]
    ]
    keeping = next((section for section in sections if section.store), first)
    words += [
        f"averaging.{key}={written(getattr(keeping, key))}" for key in STORES if getattr(keeping, key) != plain[key]
    ]
    return words, (RAW, *nodes), names


def _placed(nodes: dict[str, dict[str, Any]], name: str, node: dict[str, Any]) -> str:
    """The name under which an average stands among `nodes`, added if it is not there."""
    free, number = name, 1
    while free in nodes and nodes[free] != node:
        number += 1
        free = f"{name}_{number}"
    nodes[free] = node
    return free
