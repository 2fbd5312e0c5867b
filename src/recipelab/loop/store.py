"""What a training leaves for averages after the run: the mean of its weights over each block of epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


class Blocks(Protocol):
    """Consecutive stretches of the training, known before its first step."""

    @property
    def stops(self) -> tuple[int, ...]:
        """The steps at which each ends."""

    @property
    def epochs(self) -> int:
        """Epochs of each, but for the last."""

    def start_of(self, stop: int) -> int:
        """Where the block that ends at `stop`, or in which `stop` lies, begins."""


@dataclass
class Store:
    """The means of a training's weights, on their way into its record.

    mean: the mean of the weights after each step since the running block's start, on the CPU. write: keeps an entry.
    seconds: what it has cost so far.
    """

    blocks: Blocks
    mean: Callable[[], dict[str, Tensor]]
    write: Callable[[dict[str, Any]], None]
    seconds: float = 0.0

    def begin(self) -> None:
        """Keep the initial weights, of which every average is a copy before the first step."""
        self._keep(0, 0)

    def offer(self, step: int, *, ended: bool) -> None:
        """Keep the mean of the block that ends at `step`, if one does, or if the training has `ended` in one."""
        last = self.blocks.stops[-1] if self.blocks.stops else 0
        if step not in self.blocks.stops and not (ended and step < last):
            return
        self._keep(self.blocks.start_of(step), step)

    def _keep(self, start: int, stop: int) -> None:
        begin = time.perf_counter()
        self.write({"model": self.mean(), "start": start, "stop": stop})
        self.seconds += time.perf_counter() - begin
