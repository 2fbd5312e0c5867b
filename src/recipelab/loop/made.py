"""Views of a run by name: those of a checkpoint, and those that were made of its record afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recipelab.records.averages import Averages


class WithMade(Mapping[str, Any]):
    """What is known of each view of a checkpoint, and what the averages that were made after the run say.

    known: view -> weights, or step. key: where a made average says it; a file is read when it is asked for, so that a
    damaged one is in nobody's way.
    """

    def __init__(self, known: Mapping[str, Any], averages: Averages, key: str) -> None:
        self.known, self.averages, self.key = known, averages, key

    def __getitem__(self, name: str) -> Any:
        if name in self.known:
            return self.known[name]
        if name not in self:
            raise KeyError(name)
        return self.averages.load_view(name)[self.key]

    def __contains__(self, name: object) -> bool:
        return any(name == other for other in self)

    def __iter__(self) -> Iterator[str]:
        yield from self.known
        yield from (name for name in self.averages.views() if name not in self.known)

    def __len__(self) -> int:
        return sum(1 for _ in self)
