"""`recipelab lr-find`: a learning-rate range test of a recipe, its picture and its suggestion. Leaves no record."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np

from recipelab.commands.ask import Ask
from recipelab.commands.assemble import Parts, assemble
from recipelab.commands.job import prepare
from recipelab.core.batch import Batch
from recipelab.core.errors import Interrupted, UserError
from recipelab.figures.lr_range import lr_range_chart
from recipelab.figures.pictures import write
from recipelab.loop.device import applied
from recipelab.loop.signals import StopRequest
from recipelab.optim.lr_range import RangeTest, diverged, exponential, suggest


def lr_find(ask: Ask, *, start: float = 1e-6, end: float = 10.0, steps: int = 100, to: str = ".") -> RangeTest:
    """Train `steps` steps while the learning rate rises from start to end; print the suggestion, write lr_find.png.

    The recipe's own schedule is set aside; every group's rate keeps its ratio to the first's. to: folder of the
    picture. Raises UserError for a range that is none, RunError when the loss never falls.
    """
    if not 0 < start < end or steps < 20:
        raise UserError(f"lr-find: 0 < --start < --end and --steps of at least 20, got {start}, {end} and {steps}")
    job = prepare(ask, print)
    with applied(job.execution), StopRequest() as stop:
        parts = assemble(job, stop)
        if parts.step.base_lrs[0] == 0:
            raise UserError("lr-find: optimizer.lr=0 cannot be raised; give any other rate")
        rates = exponential(start, end, steps)
        losses = _losses(parts, rates)
        if stop:
            raise Interrupted(stop.signal_number or 0, "recipelab lr-find")
    found = suggest(rates[: len(losses)], losses)
    folder = Path(to).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        title = f"{job.recipe.slots['model'].name}, {job.recipe.slots['optimizer'].name}: learning-rate range test"
        chart = lr_range_chart(found.rates, found.losses, found.smoothed, found.suggestion, title)
        write(chart, folder / "lr_find.png")
    except OSError as error:
        raise UserError(f"--to {to}: {error.strerror or error}; give another folder, --to DIR") from error
    print(f"{len(losses)} steps from {start:g} to {rates[len(losses) - 1]:.3g}; seed {job.seed}")
    print(f"suggestion: optimizer.lr={found.suggestion:.2g} (where the loss falls most steeply)")
    print(f"wrote {folder / 'lr_find.png'}")
    return found


def _losses(parts: Parts, rates: np.ndarray) -> np.ndarray:
    """The mean loss of each step at its rate, until it breaks: (n,) float64."""
    step, plan = parts.step, parts.plan
    step.factors, step.momenta = rates / step.base_lrs[0], None
    batches = _batches(parts)
    losses: list[float] = []
    for index in range(len(rates)):
        step.log.reset()
        portion = list(islice(batches, plan.accumulate))
        step(portion, index)
        losses.append(step.log.latest(sum(len(batch.target.first) for batch in portion)))
        if parts.stop or diverged(np.array(losses)):
            break
    return np.array(losses)


def _batches(parts: Parts) -> Iterator[Batch]:
    """Whole batches without end, epoch after epoch; a last part of one would say more of its size than of the rate."""
    for epoch in count():
        for index, batch in enumerate(parts.epochs.epoch(epoch)):
            if index == 0 or len(batch.target.first) == parts.plan.batch_size:
                yield batch
