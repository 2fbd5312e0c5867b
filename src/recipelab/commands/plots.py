"""`result_plot`: the confusion matrix or parity plot of the weights that a run's headline is measured on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from recipelab.core import atomic
from recipelab.figures.confusion import Confusions
from recipelab.figures.parity import Predictions
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
    """The pictures, and the numbers that a report draws them from again."""
    from recipelab.figures.pictures import write  # here: matplotlib takes a second, a training none of it

    title = f"{job.recipe.slots['model'].name}: {what}"
    kept: Predictions | Confusions
    if isinstance(found, Pairs):
        kept = Predictions.of(*found.arrays(), job.facts.class_names, title)
        name, charts = f"parity_{split}", kept.charts(f"parity_{split}")[:1]
    else:
        kept = Confusions.of(found.matrix(), job.facts.class_names, title)
        name, charts = f"confusion_{split}", kept.charts(f"confusion_{split}")
    with record.figure(name, "json") as path:
        atomic.write_text(path, json.dumps({"schema": 1, **asdict(kept)}, separators=(",", ":"), allow_nan=False))
    drawn = []
    for chart in charts:
        with record.figure(chart.name) as path:
            write(chart, path)
        drawn.append(path)
    return drawn
