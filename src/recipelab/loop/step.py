"""One optimizer step: mix, forward, loss, backward, clip, step, averages. Everything it uses is given to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from recipelab.core.batch import Batch, Target
from recipelab.core.generators import seed_step
from recipelab.loop.back_off import BackOff
from recipelab.loop.device import Device
from recipelab.metrics.running import Score, StepLog, correct
from recipelab.optim.plan import Factors, apply, set_momentum


class Bank(Protocol):
    """What the step knows of the averages."""

    def update(self) -> None:
        """Take the weights of the step just done into every average."""


class Climb(Protocol):
    """What the step knows of sharpness-aware minimisation: up to the perturbed weights, and back."""

    def due(self, step: int) -> bool:
        """Whether step `step`, counted from 0, climbs."""

    def up(self) -> None:
        """Move the weights to the worst point nearby, keeping what is needed to come back."""

    def down(self) -> None:
        """Bring weights and buffers back, bit by bit."""


class Synchronised(Protocol):
    """What the step knows of a model whose gradients are averaged over several processes."""

    def hold(self, held: bool) -> None:
        """Leave the gradients of the forwards that follow to this process, or average them again."""

    def refresh(self) -> None:
        """Take note of what is trained now."""


@dataclass
class TrainStep:
    """The step of a training; calling it with the batches of one step does all of it.

    factors: of every step on each group's base learning rate. momenta: (total_steps,) of each step, or None.
    base: hash that seeds a step's draws. clip: brings gradients within their limit.
    score: what the log keeps beside the loss, as sums over the samples.
    freezing: told of each step before it is taken; freezes and thaws parts of the model.
    mix_steps: steps that are mixed, from the first on; None: all.
    resize: images by how many epochs were done before the step, which `epochs` tells.
    """

    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    factors: Factors
    device: Device
    log: StepLog
    base: int
    accumulate: int = 1
    mix: Callable[[Tensor, Tensor], tuple[Tensor, Target]] | None = None
    mix_steps: int | None = None
    clip: Callable[[], None] | None = None
    bank: Bank | None = None
    climb: Climb | None = None
    score: Score = correct
    freezing: Callable[[int], None] | None = None
    synchronised: Synchronised | None = None
    momenta: np.ndarray | None = None
    back_off: BackOff | None = None
    resize: Callable[[Tensor, float], Tensor] | None = None
    epochs: Callable[[int], float] = float
    base_lrs: list[float] = field(init=False)
    parameters: list[nn.Parameter] = field(init=False)

    def __post_init__(self) -> None:
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]

    def lr(self, step: int) -> float:
        """Learning rate of the first parameter group in step `step` (counted from 0)."""
        return float(self.base_lrs[0] * self.factors.item(min(step, len(self.factors) - 1)))

    def __call__(self, batches: Sequence[Batch], step: int) -> None:
        """Take step `step` (counted from 0) on the batches of one optimizer step."""
        if self.freezing is not None:
            self.freezing(step)
            if self.synchronised is not None:
                self.synchronised.refresh()
        apply(self.optimizer, self.factors, step, self.base_lrs)
        if self.momenta is not None:
            set_momentum(self.optimizer, self.momenta.item(step))
        climbs = self.climb is not None and self.climb.due(step)
        # Every rank climbs by its own share's gradient, as the paper's accelerators do: no sum over the ranks there.
        sums = self.gradient(batches, step, alone=climbs)
        if self.climb is not None and climbs:
            self.climb.up()
            self._drop_gradients()
            self.gradient(batches, step)  # the same draws as the first pass
            self.climb.down()
        if self.clip is not None:
            self.device.unscale(self.optimizer)
            self.clip()
        self.device.step(self.optimizer)
        self._drop_gradients()
        if self.bank is not None:
            self.bank.update()
        self.log.add(*sums)

    def _drop_gradients(self) -> None:
        """What the optimizer's zero_grad does, less its hook for the profiler: 20 us a step."""
        for parameter in self.parameters:
            parameter.grad = None

    def gradient(self, batches: Sequence[Batch], step: int, alone: bool = False) -> tuple[Tensor, ...]:
        """Gradient of the mean loss over all samples of the step, or, `alone`, of this rank's.

        Returns (sum of losses, *scores), 0-dim float32, of this rank.
        """
        if self.back_off is None:
            return self._gradient(batches, step, alone, 1)
        largest = max(len(batch.target.first) for batch in batches)
        return self.back_off.attempt(
            partial(self._gradient, batches, step, alone), self._drop_gradients, step=step, largest=largest
        )

    def _gradient(self, batches: Sequence[Batch], step: int, alone: bool, parts: int) -> tuple[Tensor, ...]:
        """`gradient`, each batch in `parts` forwards."""
        count = sum(batch.total or len(batch.target.first) for batch in batches)
        weight = self.device.ranks.world / count  # the ranks' gradients are averaged, not summed
        sums: tuple[Tensor, ...] = ()
        for index, batch in enumerate(batches):
            seed_step(self.base, step * self.accumulate + index, self.device.torch_device)
            images, target = batch.images, batch.target
            if self.resize is not None:
                images = self.resize(images, self.epochs(step))
            if self.mix is not None and (self.mix_steps is None or step < self.mix_steps):
                images, target = self.mix(images, target.first)
            if self.synchronised is not None:
                self.synchronised.hold(alone or index < len(batches) - 1)
            cut = [(images, target)] if parts == 1 else zip(images.chunk(parts), target.parts(parts), strict=True)
            for some, labels in cut:
                with self.device.autocast():
                    logits = self.model(some)
                losses = labels.blend(partial(self.loss, logits))
                self.device.backward(losses, weight if batch.counts else 0.0)
                with torch.no_grad():
                    found = (losses.sum(), *self.score(logits, labels))
                    if not batch.counts:
                        found = tuple(map(torch.zeros_like, found))
                sums = tuple(map(torch.add, sums, found)) if sums else found
        return sums
