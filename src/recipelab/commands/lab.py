"""Where averages of a finished run are made and measured: what it keeps, its data, and a twin of its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.averaging.packing import Packing
from recipelab.averaging.profiles import Array
from recipelab.commands.ask import Ask
from recipelab.commands.assemble import freeze, loaders, whole_plan
from recipelab.commands.averages import clock_of, recomputed
from recipelab.commands.debug import STEPS
from recipelab.commands.job import Job, split_data
from recipelab.commands.kept import Entry, Weights, kept, require_means, synthesised
from recipelab.commands.resume import recorded_execution
from recipelab.commands.samples import recorded_digest
from recipelab.commands.task import make_metrics
from recipelab.commands.trained import Trained, open_all
from recipelab.commands.wanted import Wishes
from recipelab.config.schema import Averaging
from recipelab.core.errors import UserError
from recipelab.data.loader import EvalLoader
from recipelab.data.pool import Pool
from recipelab.loop.batch_statistics import Recomputed, trained_norms
from recipelab.loop.device import Device
from recipelab.loop.evaluate import evaluate
from recipelab.loop.load_run import Run, rebuilt
from recipelab.loop.plan import Plan

Say = Callable[[str], None]
MOST_STEPS = 2**27
"""A profile of so many steps takes 1 GB; a record that tells of more is nobody's training."""


@dataclass(frozen=True)
class Lab:
    """A finished run with all that averages are made of.

    trained: with its last checkpoint. steps: that it has taken. job: its recipe and data. split: that is measured.
    """

    trained: Trained
    run: Run
    steps: int
    job: Job
    split: str
    plan: Plan
    entries: list[Entry]
    wishes: Wishes

    @property
    def where(self) -> str:
        """The record, for messages."""
        return str(self.run.path)


def open_lab(path: str, ask: Ask, split: str, say: Say) -> Lab:
    """Read a record and its data. Raises UserError for a run that is not finished or keeps nothing."""
    if split not in ("train", "val"):
        raise UserError(f"--split {split}: an average is made and chosen on val or train; recipelab evaluate has test")
    (trained,) = open_all([path], ask, "last", say)
    run = trained.run
    assert run is not None
    if (status := run.record.status()) != "finished":
        raise UserError(
            f"{run.path} is {status}, and averages are made of a whole training\n  first end it:"
            f" recipelab train trainer.resume={run.path}"
        )
    require_means(run)
    pools = _own_data(trained, run, {"train", split}, say)
    recipe, steps = trained.recipe, trained.steps["raw"]
    processes = recorded_execution(run.record).get("devices", 1)
    plan = whole_plan(recipe, len(pools["train"]), processes)
    if recipe.trainer.debug in STEPS:
        plan = plan.shortened(STEPS[recipe.trainer.debug])
    if not 0 < steps <= plan.total <= MOST_STEPS:
        raise UserError(f"{run.path}: its last checkpoint is of step {steps}, and its recipe has {plan.total}")
    clock = clock_of(plan)
    entries = kept(trained, clock)
    wishes = Wishes(clock, steps, recipe.averaging or Averaging())
    return Lab(
        trained, run, steps, Job(recipe, trained.facts, pools, {}, trained.execution), split, plan, entries, wishes
    )


def _own_data(trained: Trained, run: Run, names: set[str], say: Say) -> dict[str, Pool]:
    """The splits that a run was trained with. Raises UserError when the data are other ones now."""
    pools = split_data(trained.recipe, trained.facts, trained.recipe.slots["data"].build(), say)
    for name in sorted(names):
        if pools[name].digest() != recorded_digest(run, name):
            raise UserError(f"the data have changed since {run.path} was trained (split {name}): put them back")
    return {name: pools[name] for name in sorted({*names, "train"})}


class Bench:
    """A twin of the run's model on its device: takes weights, gives them batch statistics, and measures them.

    keys: of what is averaged: parameters and running statistics.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab, self.device = lab, Device(lab.job.execution)
        recipe, where = lab.job.recipe, f"{lab.where}, checkpoint last"
        self.own: Weights = lab.trained.views["raw"]
        self.twin: nn.Module = self.device.place(rebuilt(recipe, self.own, where))
        trained = self.device.place(rebuilt(recipe, self.own, where)).train()
        if (freezing := freeze(trained, recipe, lab.plan)) is not None:
            freezing(lab.steps - 1)
        self.keys = list(Packing(self.twin, statistics=True).aliases)
        epochs, evaluation = loaders(lab.job, self.device)
        self.loader: EvalLoader = evaluation[lab.split]
        section = recipe.averaging or Averaging()
        self.batches = min(section.recompute_batches, lab.plan.steps_per_epoch) if trained_norms(trained) else 0
        seed = recipe.run.seed or 0
        self.recompute: Recomputed = recomputed(trained, epochs, self.batches, device=self.device, seed=seed)

    def weights(self, rows: Sequence[Array]) -> list[dict[str, Tensor]]:
        """States of linear combinations (N,) of the entries."""
        return synthesised(self.lab.entries, rows, self.own, self.keys, self.lab.where)

    def load(self, weights: Weights, *, renew: bool = True) -> dict[str, Tensor]:
        """Put weights into the twin, with batch statistics of their own if `renew`; copies on the CPU."""
        self.twin.load_state_dict(weights)
        if renew:
            self.recompute(self.twin)
        return {key: value.detach().cpu().clone() for key, value in self.twin.state_dict().items()}

    def measure(self) -> dict[str, Any]:
        """Metrics of what was loaded."""
        metrics = make_metrics(self.lab.job.recipe, self.lab.job.facts, self.device.torch_device)
        with torch.no_grad():
            found = evaluate(self.twin, self.loader, metrics, self.device)
        assert found is not None
        return found
