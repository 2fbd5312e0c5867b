"""The loop: portions of steps, and between them what is due: a row of metrics, an evaluation, a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

from recipelab.core.batch import Batch
from recipelab.core.errors import RunError
from recipelab.loop.best import Bests, checkpoint_of
from recipelab.loop.hooks import Hooks, Progress
from recipelab.loop.plan import Plan
from recipelab.loop.ranks import Stop
from recipelab.loop.state import State, to_checkpoint
from recipelab.loop.step import TrainStep
from recipelab.loop.store import Store
from recipelab.loop.views import Views

Metrics = dict[str, Any]


class Loader(Protocol):
    """Batches of an epoch from a position on, of `batch_size` samples."""

    batch_size: int

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of epoch `epoch` (from 0), from the sample at position `start` of its order on."""


class Watcher(Protocol):
    """What follows the rows of metrics, with a state that checkpoints carry."""

    def observe(self, row: Mapping[str, Any], step: int) -> None:
        """Take the row of `step` steps."""

    def state(self) -> dict[str, Any]:
        """What going on needs."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


class Samples(Protocol):
    """What keeps an evaluation's values of single samples: `recipelab.metrics.per_sample.PerSample`."""

    def of(self, view: str) -> Callable[..., None]:
        """What takes the batches of an evaluation of `view`."""

    def read(self) -> Mapping[str, Any]:
        """The values of the views evaluated since the last reading; all ranks read at the same time."""


class Writer(Protocol):
    """Where a training leaves what it finds: the record."""

    def row(self, row: dict[str, float | int | None]) -> None:
        """Write a row of metrics."""

    def samples(self, step: int, values: Mapping[str, Any]) -> None:
        """Write what an evaluation after `step` steps made of every sample: view -> quantity -> (N,)."""

    def checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Write a checkpoint, whole or not at all."""

    def progress(self, step: int, loss: float | None, images_per_second: float) -> None:
        """Show how far the training is; called a few times a second at most."""


@dataclass
class Training:
    """A training, from wherever its state stands to the end of its plan.

    validate: evaluates the loaded twin on the validation split; None when it was stopped on the way. Its second
        argument takes the batches, for the ledger.
    samples: keeps what the ledger wants of them; None without a ledger.
    identity: what every checkpoint carries besides weights and state (facts, hashes).
    watchers: what follows the metrics, by name; the training ends early when one of them says `stopped`.
    store: keeps means of the weights; None: keeps none.
    """

    plan: Plan
    state: State
    train: TrainStep
    views: Views
    loader: Loader
    validate: Callable[[Any, Callable[..., None] | None], Metrics | None]
    writer: Writer
    bests: Bests
    stop: Stop
    identity: dict[str, Any]
    watchers: Mapping[str, Watcher] = field(default_factory=dict)
    samples: Samples | None = None
    hooks: Hooks = field(default_factory=Hooks)
    store: Store | None = None
    started: float = field(default_factory=time.perf_counter)
    _batches: Iterator[Batch] = field(default_factory=lambda: iter(()))
    _batches_at: int = -1
    _shown: float = 0.0

    def run(self) -> bool:
        """Train to the end. Returns False when a stop was asked for; the checkpoint is written then, too.

        Raises RunError when the loss is not finite; the last good checkpoint stays.
        """
        self._total_before = self.state.total_seconds
        for name, watcher in self.watchers.items():
            if name in self.state.watched:
                watcher.restore(self.state.watched[name])
        while not self.stop:
            self._boundary()
            if self.state.step == self.plan.total or self.stop or self.stopped_early:
                break
            self._portion(self.plan.next_boundary(self.state.step))
        if (self.stop or self.stopped_early) and self.state.saved_step != self.state.step:
            self._save("last")
        return not self.stop

    @property
    def stopped_early(self) -> bool:
        """Whether something that watches the metrics has ended the training."""
        return any(getattr(watcher, "stopped", False) for watcher in self.watchers.values())

    def _portion(self, until: int) -> None:
        """Take steps up to `until`, or to the first after a stop was asked for."""
        state, plan = self.state, self.plan
        self.train.device.synchronize()
        begin, first = time.perf_counter(), state.step
        if self._batches_at != state.step or plan.between_epochs(state.step):
            epoch = plan.epoch_of(state.step)
            self.loader.batch_size = plan.batch_size_in(epoch) // self.train.device.ranks.world
            self._batches = self.loader.epoch(epoch, plan.position(state.step))
        while state.step < until and not self.stop:
            self.train(list(islice(self._batches, plan.accumulate)), state.step)
            state.step += 1
            if self.hooks.wants("after_step"):
                self._tell("after_step", {})
            self._show(begin, first)
        self.train.device.synchronize()
        self._batches_at = state.step
        elapsed = time.perf_counter() - begin
        state.seconds += elapsed
        state.epoch_seconds += elapsed

    def _tell(self, moment: str, row: Mapping[str, float | int | None]) -> None:
        """Tell the hooks where the training stands."""
        step = self.state.step
        epoch, lr = step / self.plan.steps_per_epoch, self.train.lr(step - 1)
        self.hooks.call(
            moment, Progress(step, self.plan.total, epoch, lr, MappingProxyType(dict(row)), self.views.weights)
        )

    def _show(self, begin: float, first: int) -> None:
        """Tell the writer how far it is, four times a second: since `begin`, when `first` steps had been taken."""
        now = time.perf_counter()
        if now - self._shown < 0.25:
            return
        self._shown = now
        step, seen = self.state.step, self.plan.samples_seen
        on_cpu = self.train.device.torch_device.type == "cpu"  # elsewhere reading the loss would wait for the device
        mine = -(-(seen(step) - seen(step - 1)) // self.train.device.ranks.world)
        loss = self.train.log.latest(mine) if on_cpu else None
        self.writer.progress(step, loss, (seen(step) - seen(first)) / (now - begin))

    def _boundary(self) -> None:
        """Do what is due after the steps taken so far. Nothing is done twice, nor skipped after a resume."""
        state, plan = self.state, self.plan
        if plan.row_due(state.step) and state.row_step != state.step:
            self._check_finite()
            row = self._row()
            if row is None:
                return
            self.writer.row(row)
            for watcher in self.watchers.values():
                watcher.observe(row, state.step)
            if self.store is not None:  # before the checkpoint of this step: one that is there has its means
                self.store.offer(state.step, ended=self.stopped_early)
            state.row_step = state.step
            if self.hooks.wants("after_epoch"):
                self._tell("after_epoch", row)
            state.saved_step = 0  # a stop may have left a last.pt of this step, but without its row
            if plan.between_epochs(state.step):  # not at an end in mid-epoch: a longer run may go on from there
                self.train.log.reset()
                state.epoch_seconds = 0.0
        if state.step in plan.keep:  # also when last.pt of this step is there: a stop may have come before this one
            self._save(f"step_{state.step}")
        if plan.checkpoint_due(state.step) and state.saved_step != state.step:
            self._save("last")

    def _row(self) -> dict[str, float | int | None] | None:
        """Train metrics, norms and, when due, validation of every view; None when stopped in the middle."""
        state, plan = self.state, self.plan
        seen = plan.samples_seen(state.step)
        in_epoch = seen - plan.epoch_of(state.step - 1) * plan.samples
        epoch = plan.epochs(state.step)
        row: dict[str, float | int | None] = {
            "epoch": int(epoch) if epoch.is_integer() else epoch,
            "step": state.step,
            "samples": seen,
            "seconds": self._total(),
            "lr": self.train.lr(state.step - 1),
            "epoch_seconds": state.epoch_seconds,
            "images_per_second": in_epoch / state.epoch_seconds if state.epoch_seconds else None,
        }
        row.update({f"train_{key}": value for key, value in self.train.log.compute(in_epoch).items()})
        row.update(self.views.norms())
        found = self._evaluate(self._due())
        return None if found is None else {**row, **found}

    def _due(self) -> list[str]:
        """The views that are evaluated now."""
        raw, averages = self.plan.evaluation_due(self.state.step), self.plan.averages_due(self.state.step)
        return [view for view in self.views.names if (raw if view == "raw" else averages)]

    def _evaluate(self, views: Sequence[str]) -> dict[str, float] | None:
        """Validation of `views`, and the best checkpoint of each that has become better; None when stopped."""
        row: dict[str, float] = {}
        for view in views:
            metrics = self.validate(self.views.load(view), self.samples.of(view) if self.samples else None)
            if metrics is None:
                return None
            row.update({f"val_{view}_{k}": v for k, v in metrics.items() if not isinstance(v, list)})
        if self.samples is not None and views:
            self.writer.samples(self.state.step, self.samples.read())
        for view in views:
            best = self.bests[view]
            if best.offer(row, self.state.step):
                content = {"step": self.state.step, "view": view, "best": asdict(best), **self.identity}
                content |= {"model": self.views.weights(view), "views": {}}
                self.writer.checkpoint(checkpoint_of(view), content)
        return row

    def _total(self) -> float:
        return self._total_before + time.perf_counter() - self.started

    def _save(self, name: str) -> None:
        self._check_finite()
        if name == "last":
            self.state.saved_step = self.state.step
        self.state.total_seconds = self._total()
        self.state.watched = {key: watcher.state() for key, watcher in self.watchers.items()}
        self.writer.checkpoint(name, to_checkpoint(self.state, self.train, self.views, self.identity))

    def _check_finite(self) -> None:
        bad = self.train.log.first_bad()
        if bad is not None:
            step = self.plan.epoch_start(self.plan.epoch_of(self.state.step - 1)) + bad
        elif not self.views.finite():  # the last step's update overflowed: the next loss would show it
            step = self.state.step - 1
        else:
            return
        what = "loss was" if bad is not None else "weights were"
        raise RunError(
            f"the {what} not finite in step {step + 1} (epoch {self.plan.epoch_of(step) + 1}),"
            f" at learning rate {self.train.lr(step):.6g}\n"
            "  what helps: a lower optimizer.lr, scheduler.warmup=5ep, trainer.gradient_clip=1, trainer.precision=32\n"
            "  the last good checkpoint is kept"
        )
