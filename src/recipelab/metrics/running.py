"""What training itself measures: two numbers a step, kept on the device, read only when a row is written."""

from __future__ import annotations

import torch
from torch import Tensor


class StepLog:
    """Loss and correctness of each step of the running epoch.

    rows: (capacity, 2) float32 on the device: sum of the losses, number of correct samples (weighted by lambda under
    mixing). Nothing is read back until a row of metrics or a checkpoint is due, so no step waits for the device; a
    non-finite loss is found then, with the step that it came from.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.rows = torch.zeros(capacity, 2, device=device)
        self.filled = 0

    def add(self, loss_sum: Tensor, correct: Tensor) -> None:
        """Record one step: 0-dim float32 sums over its samples."""
        torch.stack((loss_sum, correct), out=self.rows[self.filled])
        self.filled += 1

    def reset(self) -> None:
        """Begin an epoch."""
        self.filled = 0

    def first_bad(self) -> int | None:
        """Index in this epoch of the first step whose loss was not finite, or None."""
        bad = (~torch.isfinite(self.rows[: self.filled, 0])).nonzero()
        return int(bad[0]) if len(bad) else None

    def compute(self, samples: int) -> dict[str, float]:
        """Mean loss and accuracy over the `samples` of the epoch so far, summed in float64."""
        loss, correct = self.rows[: self.filled].double().sum(0).tolist()
        return {"loss": loss / max(samples, 1), "accuracy": correct / max(samples, 1)}

    def latest(self, batch: int) -> float:
        """Mean loss of the last step; reading it waits for the device."""
        return float(self.rows[self.filled - 1, 0]) / batch if self.filled else float("nan")

    def state(self) -> Tensor:
        """The rows so far, on the CPU, for a checkpoint."""
        return self.rows[: self.filled].cpu().clone()

    def restore(self, rows: Tensor) -> None:
        """Go on from the rows of a checkpoint."""
        self.filled = len(rows)
        self.rows[: self.filled] = rows.to(self.rows.device)
