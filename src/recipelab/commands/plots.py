"""`result_plot`: the confusion matrix or parity plot of the weights that a run's headline is measured on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from recipelab.loop.best import kept_views
from recipelab.metrics.meters import Metrics
from recipelab.metrics.outcome import Confusion, Pairs
from recipelab.records.record import Record


def plot_results(job: Job, parts: Parts, record: Record, checkpoint: str, opened: Iterable[str]) -> list[Path] | None:
    """Draw the splits that the recipe wants into the record; None when stopped on the way.

    All ranks measure, and the first draws.
    checkpoint: of the headline. opened: the splits that were measured: a closed lockbox stays closed.
    """
    wanted = {"none": (), "val": ("val",), "all": tuple(opened)}[job.recipe.run.result_plot]
    if not wanted:
        return []
    view = job.recipe.run.select_view
    weights = kept_views(record, checkpoint)[0][view]
    drawn = []
    for split in wanted:
        device = parts.device.torch_device
        regression = job.facts.task == "regression"
        found: Pairs | Confusion = Pairs(device) if regression else Confusion(job.facts.num_classes, device)
        if parts.measure(parts.views.load_state(weights), split, Metrics([found], device)) is None:
            return None
        if parts.device.ranks.rank == 0:
            drawn += _draw(found, job, record, split, f"{checkpoint} {view} on {split}")
    return drawn


def _draw(found: Pairs | Confusion, job: Job, record: Record, split: str, what: str) -> list[Path]:
    from recipelab.figures.confusion import confusion_matrix  # here: matplotlib takes a second, a training none of it
    from recipelab.figures.parity import parity_plot

    model = job.recipe.slots["model"].name
    if isinstance(found, Pairs):
        with record.figure(f"parity_{split}") as path:
            parity_plot(*found.arrays(), job.facts.class_names, path, f"{model}: {what}")
        return [path]
    counts, names = found.matrix(), job.facts.class_names
    with record.figure(f"confusion_{split}") as raw:
        confusion_matrix(counts, names, raw, f"{model}: {what}")
    with record.figure(f"confusion_{split}_normalized") as shares:
        confusion_matrix(counts, names, shares, f"{model}: {what}, shares of each class", normalized=True)
    return [raw, shares]
