"""averages/ of a record: what averages can be made of after the run, and those that have been made.

`initial.pt` holds the initial weights, `step_N.pt` the mean of the weights after each step of a block that ends with
step N, `store.json` which blocks are planned. `views/NAME.pt` is an average that was made of them, `views/NAME.json`
what it is and how it was made. All are written whole, and read weights-only.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.core.plain import read_json
from recipelab.records import checkpoints, results

SCHEMA = 1
_STEP = re.compile(r"step_(\d{1,12})")


class Averages:
    """The folder of a record. writing: the record's own check, around whatever is written at a path."""

    def __init__(self, path: Path, writing: Callable[[Path], AbstractContextManager[Path]]) -> None:
        self.path = path
        self._writing = writing

    @property
    def views_path(self) -> Path:
        """Where the averages that were made after the run are."""
        return self.path / "views"

    def stops(self) -> list[int]:
        """The steps at which the blocks that are there end, ascending."""
        matches = [_STEP.fullmatch(name) for name in checkpoints.names(self.path)]
        return sorted(int(match[1]) for match in matches if match)

    def has_initial(self) -> bool:
        """Whether the initial weights are there."""
        return self._entry(0).is_file()

    def _entry(self, stop: int) -> Path:
        return self.path / (f"step_{stop}.pt" if stop else "initial.pt")

    def size(self) -> int:
        """Bytes of all entries."""
        return sum(path.stat().st_size for path in self.path.glob("*.pt"))

    def save(self, content: Mapping[str, Any]) -> None:
        """Write an entry: `model` (tensors by name), `start` and `stop` of its block; both 0: the initial weights."""
        with self._writing(self._entry(content["stop"])) as path:
            path.parent.mkdir(exist_ok=True)
            checkpoints.save(path, dict(content))

    def load(self, stop: int) -> dict[str, Any]:
        """The entry whose block ends at step `stop`; 0: the initial weights. Raises UserError when it is damaged."""
        path = self._entry(stop)
        found = checkpoints.load(path)
        start = found.get("start")
        if found.get("stop") != stop or type(start) is not int or not 0 <= start <= stop or (start == stop and stop):
            raise UserError(f"{path} does not say which steps it is the mean of: no training wrote it")
        return found

    def truncate(self, step: int) -> None:
        """Remove what lies past `step`: a training that goes on from there writes it again."""
        for stop in self.stops():
            if stop > step:
                with self._writing(self._entry(stop)) as path:
                    path.unlink()

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """The place of a file about averages, to be written whole."""
        with self._writing(self.path / name) as path:
            path.parent.mkdir(exist_ok=True)
            yield path

    def plan(self) -> dict[str, Any] | None:
        """What store.json says: `stops`, `epochs` of a block, `total` steps; None without one. Raises UserError."""
        path = self.path / "store.json"
        try:
            value = read_json(path)
        except FileNotFoundError:
            return None
        told: dict[str, Any] = value if isinstance(value, dict) else {}
        stops, counts = told.get("stops"), [told.get(key) for key in ("epochs", "total")]
        if not isinstance(stops, list) or not all(type(n) is int and n > 0 for n in (*stops, *counts)):
            raise UserError(f"{path} is damaged: the steps at which its blocks end are expected, and their epochs")
        if sorted(set(stops)) != stops:
            raise UserError(f"{path} is damaged: its blocks do not end one after the other")
        return told

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Replace store.json."""
        with self._writing(self.path / "store.json") as path:
            path.parent.mkdir(exist_ok=True)
            atomic.write_json(path, {"schema": SCHEMA, **plan})

    def views(self) -> list[str]:
        """Names of the averages that were made after the run, in alphabetical order."""
        return sorted(checkpoints.names(self.views_path))

    def save_view(self, name: str, content: Mapping[str, Any], told: Mapping[str, Any]) -> Path:
        """Write an average and, beside it, what it is; returns the path of its weights."""
        with self._writing(checkpoints.path_of(self.views_path, name)) as path:
            path.parent.mkdir(parents=True, exist_ok=True)
            checkpoints.save(path, dict(content))
            atomic.write_json(path.with_suffix(".json"), {"schema": SCHEMA, **results.finite(dict(told))})
        return path

    def load_view(self, name: str) -> dict[str, Any]:
        """The weights of an average under `model`, and the `step` that it was made at. Raises UserError."""
        path = checkpoints.path_of(self.views_path, name)
        found = checkpoints.load(path)
        if type(found.get("step")) is not int:
            raise UserError(f"{path} does not say of which step it is: it was not made by recipelab average")
        return found

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folders that it writes to."""
        return self.path, self.views_path
