"""Which stretches of a training keep the mean of their weights: blocks of epochs, as many as there is room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

_OVERHEAD = 512
"""Bytes that a file has for each tensor besides its values, at most (names, alignment, headers)."""


@dataclass(frozen=True)
class Blocks:
    """Consecutive blocks of steps.

    stops: the steps at which each ends; the first begins with the training. epochs: in a block, but for the last.
    """

    stops: tuple[int, ...]
    epochs: int

    def start_of(self, stop: int) -> int:
        """Where the block that ends at `stop`, or in which `stop` lies, begins."""
        return max((other for other in self.stops if other < stop), default=0)


def room(tensors: Mapping[str, Tensor], limit: int) -> tuple[int, int]:
    """(how many means of these tensors fit into `limit` bytes beside the initial weights, bytes of one)."""
    each = sum(value.numel() * max(4, value.element_size()) + _OVERHEAD for value in tensors.values()) + 2 * _OVERHEAD
    return limit // each - 1, each


def blocks(ends: Sequence[int], most: int, before: Sequence[int] = (), epochs: int = 1) -> Blocks:
    """Blocks of the fewest epochs so that there are at most `most`.

    ends: the step at which each epoch ends, the last of them the end of the training. before: where blocks have ended
    already, each of `epochs` epochs; those that follow are as long, or longer where the training has become longer.
    """
    later = [end for end in ends if not before or end > before[-1]]
    left = most - len(before)
    if left < 1 or not later:
        return Blocks(tuple(before), epochs)
    epochs = max(epochs, -(-len(later) // left))
    stops = [*before, *later[epochs - 1 :: epochs]]
    return Blocks(tuple(stops if stops[-1:] == [ends[-1]] else [*stops, ends[-1]]), epochs)
