"""What differs in the recipes of runs, and which runs are of one recipe but for the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recipelab.config.identity import EXECUTION_KEYS, OUTSIDE_KEYS, PLACE_KEYS, flatten
from recipelab.reports.material import OneRun

MISSING = "–"


def settings(run: OneRun) -> dict[str, Any]:
    """Dotted keys of the recipe -> values, less the seed and what changes no result (places, logs)."""
    left_out = OUTSIDE_KEYS | PLACE_KEYS | {"seed"}
    flat = flatten(run.config)
    return {key: value for key, value in flat.items() if key not in left_out and not key.startswith("logger.")}


def differing(runs: Sequence[OneRun]) -> dict[str, list[str]]:
    """Key -> its value in each run, in words, of the keys that differ.

    Options of slots that hold different things are compared among the runs that hold the same one.
    """
    all_settings = [settings(run) for run in runs]
    keys = dict.fromkeys(key for one in all_settings for key in one)
    found = {}
    for key in keys:
        slot = f"{key.split('.')[0]}._target_"
        by_target: dict[str, set[str]] = {}
        for one in all_settings:
            group = "" if key == slot else str(one.get(slot))
            if one and (key in one or not group):
                by_target.setdefault(group, set()).add(said(one.get(key)))
        lacks_section = len({key.split(".")[0] in {k.split(".")[0] for k in one} for one in all_settings if one}) > 1
        if any(len(values) > 1 for values in by_target.values()) or (lacks_section and key == slot):
            found[key] = [said(one[key]) if key in one else MISSING for one in all_settings]
    return found


def said(value: Any) -> str:
    """A value of a recipe in words; a class by its name."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def arms(runs: Sequence[OneRun]) -> dict[str, list[OneRun]]:
    """Recipe in words -> its runs: those that are equal but for the seed, the oldest first."""
    groups: dict[str, list[OneRun]] = {}
    for run in sorted(runs, key=lambda one: str(one.result.get("created") or "")):
        groups.setdefault(str(run.result.get("recipe_hash") or run.name), []).append(run)
    heads = [members[0] for members in groups.values()]
    keys = {key: values for key, values in differing(heads).items() if key not in EXECUTION_KEYS}
    named: dict[str, list[OneRun]] = {}
    for index, members in enumerate(groups.values()):
        name = _label({key: values[index] for key, values in keys.items()}) or heads[index].name
        name = name if name not in named else f"{name} ({str(heads[index].result.get('recipe_hash'))[:10]})"
        named[name] = members
    return named


def _label(values: Mapping[str, str]) -> str:
    words = []
    for key, value in values.items():
        if value == MISSING:
            continue
        slot, _, rest = key.partition(".")
        words.append(f"{slot}={value.rpartition('.')[2]}" if rest == "_target_" else f"{key}={value}")
    return ", ".join(words)
