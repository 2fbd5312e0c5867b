"""result.json: what a run came to, and whether it still runs. One small file a record, enough for a table of runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json
from recipelab.records.lock import live_holder

SCHEMA = 1
NAME = "result.json"
STATUSES = ("running", "finished", "interrupted", "failed")


def read(folder: Path) -> dict[str, Any]:
    """The result of the record in `folder`.

    Raises FileNotFoundError when there is none, UserError when it cannot be read or is of a newer schema.
    """
    path = folder / NAME
    value = read_json(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(schema, int) or schema < 1:
        raise UserError(f"{path} is not the result of a run: it has no schema number")
    if schema > SCHEMA:
        raise UserError(
            f"{path} has schema {schema}, written by a newer recipelab; this one reads up to {SCHEMA}\n"
            "  fix: upgrade recipelab"
        )
    assert isinstance(value, dict)
    return value


def status(folder: Path, result: dict[str, Any]) -> str:
    """One of STATUSES; a run that says `running` and has no live owner was killed, and reads as `interrupted`."""
    said = result.get("status")
    if said not in STATUSES:
        raise UserError(f"{folder / NAME} has status {said!r}; known: {', '.join(STATUSES)}")
    if said == "running" and live_holder(folder) is None:
        return "interrupted"
    return str(said)


def finite(value: Any) -> Any:
    """`value` with NaN and infinities replaced by None, since JSON has none (a diverged run has such results)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
