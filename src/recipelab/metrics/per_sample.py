"""One number a sample: what a ledger keeps. Filled in on the device, read once when every view is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = slice | Tensor
Keep = Callable[[Tensor, Tensor, Rows], None]
Measure = Callable[[Tensor, Tensor], Tensor]

_HALF = float(torch.finfo(torch.float16).max)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether the largest logit (B, K) is the label's (B,): (B,) bool. Of equal ones the first wins, as in accuracy."""
    return logits.argmax(1) == labels


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Logit of the label less the largest of the others, logits (B, K), labels (B,): (B,) float32.

    Above 0 where the sample is right. (Bartlett, Foster, Telgarsky 2017, arXiv 1706.08498, without their
    normalisation.)
    """
    values = logits.float()
    true = values.gather(1, labels[:, None])[:, 0]
    return true - values.scatter(1, labels[:, None], -torch.inf).amax(1)


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean over its T targets of a sample's absolute errors, outputs and targets (B, T): (B,) float32."""
    return (outputs.float() - targets).abs().mean(1)


# What each kind of ledger keeps: name -> what is computed, and how it is stored.
QUANTITIES: dict[str, dict[str, tuple[Measure, type[np.generic]]]] = {
    "correct": {"correct": (correct, np.bool_)},
    "margin": {"correct": (correct, np.bool_), "margin": (margin, np.float16)},
    "error": {"error": (absolute_error, np.float32)},
}


class PerSample:
    """The values of every view, of one evaluation after the other.

    kind: of QUANTITIES. views: names. samples: N of the split. device: the model's.
    add_up: sums a tensor over the ranks, in place, and returns it: each has filled in its share, the rest is 0.

    A sample that no rank has seen (a file that cannot be read, left out) stays 0: not correct, margin 0.
    """

    def __init__(
        self,
        kind: str,
        views: Sequence[str],
        samples: int,
        device: torch.device | str,
        add_up: Callable[[Tensor], Tensor] = lambda values: values,
    ) -> None:
        self.views = list(views)
        self.add_up = add_up
        self._quantities = QUANTITIES[kind]
        shape = (len(self.views), samples)
        self._values = {
            name: torch.zeros(shape, dtype=torch.uint8 if kept is np.bool_ else torch.float32, device=device)
            for name, (_, kept) in self._quantities.items()
        }
        self._filled: list[int] = []

    def of(self, view: str) -> Keep:
        """What takes the batches of an evaluation of `view`: (outputs, targets, rows), without waiting for a device.

        rows: where the batch's samples stand in the split.
        """
        index = self.views.index(view)
        self._filled.append(index)
        for values in self._values.values():
            values[index].zero_()

        def keep(outputs: Tensor, targets: Tensor, rows: Rows) -> None:
            for name, (measure, _) in self._quantities.items():
                values = self._values[name]
                values[index, rows] = measure(outputs, targets).to(values.dtype)

        return keep

    def read(self) -> dict[str, dict[str, NDArray[np.generic]]]:
        """view -> quantity -> (N,) of the views evaluated since the last reading: the place that waits for the device.

        All ranks read at the same time, and get the same. Margins beyond float16 are cut to its largest number.
        """
        chosen, self._filled = sorted(set(self._filled)), []
        found: dict[str, dict[str, NDArray[np.generic]]] = {self.views[index]: {} for index in chosen}
        for name, (_, kept) in self._quantities.items():
            values = self.add_up(self._values[name][chosen])
            if kept is np.float16:
                values = values.clamp(-_HALF, _HALF)
            for index, row in zip(chosen, values.cpu().numpy().astype(kept), strict=True):
                found[self.views[index]][name] = row
        return found
