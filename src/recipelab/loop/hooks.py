"""Hooks: a user's objects that are told what happens in a training, and can change nothing of it.

A hook has any of three methods; what it is given is plain or copied.

    class Watch:
        def after_step(self, progress: Progress) -> None: ...      # every optimizer step
        def after_epoch(self, progress: Progress) -> None: ...     # every row of metrics
        def after_run(self, result: Mapping[str, Any]) -> None: ...  # once, the content of result.json

An exception in one ends the run, which then says whose it was. What a hook draws from the default generators does not
matter to the training, which seeds them before each forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor

from recipelab.core.errors import RunError, UserError, did_you_mean

MOMENTS = ("after_step", "after_epoch", "after_run")


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    step: optimizer steps taken, of total_steps. epoch: epochs done, a fraction within one. lr: of the last step.
    row: the row of metrics just written (after_epoch only; else empty).
    """

    step: int
    total_steps: int
    epoch: float
    lr: float
    row: Mapping[str, float | int | None]
    _weights: Callable[[str], Mapping[str, Tensor]] = field(repr=False)

    def weights(self, view: str = "raw") -> Mapping[str, Tensor]:
        """A copy of the weights of a view, on the CPU; it waits for the device. Raises KeyError for an unknown view."""
        return self._weights(view)


class Hooks:
    """The hooks of a run. Raises UserError for one with none of the methods, or with one that would never be called."""

    def __init__(self, hooks: Sequence[object] = ()) -> None:
        for hook in hooks:
            unknown = [
                name for name in dir(hook) if name.startswith(("after_", "before_", "on_")) and name not in MOMENTS
            ]
            if unknown:
                hint = did_you_mean(unknown[0], MOMENTS)
                raise UserError(f"hooks: {type(hook).__name__}.{unknown[0]} would never be called{hint}")
            if not any(hasattr(hook, moment) for moment in MOMENTS):
                raise UserError(f"hooks: {type(hook).__name__} has none of {', '.join(MOMENTS)}")
        self._by_moment = {moment: [h for h in hooks if hasattr(h, moment)] for moment in MOMENTS}

    def wants(self, moment: str) -> bool:
        """Whether any hook has this method."""
        return bool(self._by_moment[moment])

    def call(self, moment: str, told: Progress | Mapping[str, Any]) -> None:
        """Call the method of every hook that has it. Raises RunError naming the hook that fails."""
        for hook in self._by_moment[moment]:
            try:
                getattr(hook, moment)(MappingProxyType(dict(told)) if isinstance(told, Mapping) else told)
            except Exception as error:
                name = f"{type(hook).__name__}.{moment}"
                raise RunError(f"the hook {name} failed: {type(error).__name__}: {error}") from error
