"""Where a recipe that somebody else wrote may have us write to: below the folder that we are in, and nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from recipelab.core.errors import UserError


def refuse_places(config: Mapping[str, Any], named: Collection[str], *, begins: bool) -> None:
    """Refuse the places to write to that a recipe from a file or record names, unless they are below this folder.

    config: the recipe, as it was read. named: keys that the command names itself; those are trusted. begins: a new run
    would begin from it, so that its `output` counts too. What is only read may lie anywhere.
    Raises UserError.
    """
    data = config.get("data")
    data = {} if not isinstance(data, Mapping) or "data" in named else data
    places = {"data.cache": data.get("cache")}
    if begins:
        places["output"] = config.get("output")
    if data.get("download") and isinstance(data.get("root"), str) and not Path(data["root"]).expanduser().exists():
        places["data.root"] = data["root"]  # the download would make it
    for key, place in places.items():
        if key not in named and isinstance(place, str) and _is_elsewhere(place):
            raise UserError(
                f"{key}={place}: a recipe from a file or record names no place to write to outside this folder"
                f"\n  if it is meant, name it: {key}={place}"
            )


def _is_elsewhere(place: str) -> bool:
    """Absolute, from a home folder, or upwards: by the rules of any system, as a file may come from another."""
    forms = (PurePosixPath(place), PureWindowsPath(place))
    return place.startswith("~") or any(form.is_absolute() or form.drive or ".." in form.parts for form in forms)
