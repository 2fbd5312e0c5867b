"""Going on when memory runs out: the same batch in twice as many forwards, its gradient accumulated.

The batch of a step stays what it was, so order, draws, schedule and length stay, too; no sample is lost or repeated.
What changes is rounding, and batch statistics, which are those of the smaller parts. The record says at which step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from recipelab.core.errors import RunError

T = TypeVar("T")


class BackOff:
    """In how many parts a batch goes through the model, doubled whenever memory runs out; it never comes down again.

    say: takes a line when it happens. events: step (from 1) and parts of each time.
    """

    def __init__(self, model: nn.Module, say: Callable[[str], object] = lambda text: None) -> None:
        self.model, self.say = model, say
        self.parts = 1
        self.events: list[dict[str, int]] = []

    def attempt(self, compute: Callable[[int], T], drop: Callable[[], None], *, step: int, largest: int) -> T:
        """compute(parts), again with twice the parts as often as memory runs out.

        drop: forgets the gradients of a failed attempt; buffers are put back here. largest: samples of a batch.
        Raises RunError when a single sample is too much.
        """
        while True:
            before = [buffer.clone() for buffer in self.model.buffers()]
            try:
                return compute(self.parts)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # not in the handler, where the traceback still holds the failed forward's tensors
            drop()
            with torch.no_grad():
                for buffer, old in zip(self.model.buffers(), before, strict=True):
                    buffer.copy_(old)
            if self.parts >= largest:
                raise RunError(f"out of memory in step {step + 1} with one sample in a forward: {reason}")
            self.parts *= 2
            self.events.append({"step": step + 1, "parts": self.parts})
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.say(
                f"out of memory in step {step + 1}: from here on a batch goes through the model in {self.parts} parts"
                f" of at most {-(-largest // self.parts)} samples, their gradients accumulated"
            )

    def observe(self, row: Mapping[str, Any], step: int) -> None:
        """Nothing: it follows no metric, but its state rides in the checkpoint with those that do."""

    def state(self) -> dict[str, Any]:
        """What going on needs, in plain numbers."""
        return {"parts": self.parts, "events": [dict(event) for event in self.events]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.parts, self.events = state["parts"], [dict(event) for event in state["events"]]
