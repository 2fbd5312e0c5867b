"""What training itself measures: a few numbers a step, kept on the device, read only when a row is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from recipelab.core.batch import Target

Score = Callable[[Tensor, Target], tuple[Tensor, ...]]


def correct(logits: Tensor, target: Target) -> tuple[Tensor]:
    """Number of correct samples of a batch, weighted by lambda under mixing: 0-dim float32."""
    return (target.blend(partial(_hit, logits.argmax(1))).sum(),)


def errors(outputs: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Sums over a batch of squared and of absolute errors, each the mean over a sample's targets: 0-dim float32."""
    guess = outputs.float()
    squared = target.blend(lambda truth: (guess - truth).square().mean(1))
    absolute = target.blend(lambda truth: (guess - truth).abs().mean(1))
    return squared.sum(), absolute.sum()


def _hit(guess: Tensor, labels: Tensor) -> Tensor:
    """1.0 where a guess is the label, else 0.0: (B,) float32."""
    return (guess == labels).float()


# By task: the names of the scores, beside the loss, and what computes them.
SCORES: dict[str, tuple[tuple[str, ...], Score]] = {
    "classification": (("accuracy",), correct),
    "regression": (("mse", "mae"), errors),
}


class StepLog:
    """Loss and scores of each step of the running epoch.

    names: of the scores: the number of correct samples is `accuracy`.

    rows: (capacity, 1 + scores) float32 on the device: sums over a step's samples (weighted by lambda under
    mixing). Nothing is read back until a row of metrics or a checkpoint is due, so no step waits for the device; a
    non-finite loss is found then, with the step that it came from.

    add_up: sums a tensor over the ranks of the training, in place, and returns it; what is read here is of all ranks,
    so all of them read at the same time.
    """

    def __init__(
        self,
        capacity: int,
        device: torch.device,
        names: Sequence[str] = ("accuracy",),
        add_up: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> None:
        self.names = names
        self.rows = torch.zeros(capacity, 1 + len(names), device=device)
        self.filled = 0
        self.add_up = add_up

    def _read(self) -> Tensor:
        """The rows so far, (filled, 2), of all ranks."""
        return self.add_up(self.rows[: self.filled].clone()) if self.filled else self.rows[:0]

    def add(self, loss_sum: Tensor, *scores: Tensor) -> None:
        """Record one step: 0-dim float32 sums over its samples."""
        torch.stack((loss_sum, *scores), out=self.rows[self.filled])
        self.filled += 1

    def reset(self) -> None:
        """Begin an epoch."""
        self.filled = 0

    def first_bad(self) -> int | None:
        """Index in this epoch of the first step whose loss was not finite, or None."""
        bad = (~torch.isfinite(self._read()[:, 0])).nonzero()
        return int(bad[0]) if len(bad) else None

    def compute(self, samples: int) -> dict[str, float]:
        """Mean loss and scores over the `samples` of the epoch so far, summed in float64."""
        sums = self._read().double().sum(0).tolist()
        return {name: value / max(samples, 1) for name, value in zip(("loss", *self.names), sums, strict=True)}

    def latest(self, batch: int) -> float:
        """Mean loss of the last step over the `batch` samples of this rank; reading it waits for the device."""
        return float(self.rows[self.filled - 1, 0]) / batch if self.filled else float("nan")

    def state(self) -> Tensor:
        """The rows so far, on the CPU, for a checkpoint."""
        return self._read().cpu()

    def restore(self, rows: Tensor) -> None:
        """Go on from the rows of a checkpoint."""
        self.filled = len(rows)
        self.rows[: self.filled] = rows.to(self.rows.device)
