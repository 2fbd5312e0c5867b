"""The tables of a ledger, as CSV: a row an evaluation, a row a sample."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from recipelab.commands.ledger_images import Samples
from recipelab.commands.ledger_read import Read
from recipelab.core import atomic
from recipelab.core.cells import csv_cell
from recipelab.statistics.agreement import mismatch
from recipelab.statistics.learning import flips, forgetting_events, misclassification_ratio, stability


def write_evaluations(one: Read, path: Path) -> None:
    """A row a view and evaluation: its accuracy, and the share of samples as they were at the one before."""
    lines = []
    for view in one.views:
        correct, steps = one.ledger.correct(view), one.ledger.steps(view)
        for step, epoch, right, same in zip(
            steps, one.epochs_of(steps), correct.mean(1), stability(correct), strict=True
        ):
            lines.append([view, step, f"{epoch:.6g}", f"{right:.6g}", "" if math.isnan(same) else f"{same:.6g}"])
    _write(path, ["view", "step", "epoch", "accuracy", "stability"], lines)


def write_samples(one: Read, samples: Samples | None, path: Path) -> None:
    """A row a sample: index in the split, file and class where the data are there, and for every view how often it
    flipped and was forgotten, the share of late evaluations it was wrong at, and how often it differed from raw."""
    count = one.ledger.head.samples
    columns: dict[str, Sequence[object]] = {"index": range(count)}
    if samples is not None:
        columns["class"] = [csv_cell(samples.label(index)) for index in range(count)]
        if samples.pool.names:
            columns["file"] = [csv_cell(samples.file(index)) for index in range(count)]
    for view in one.views:
        correct = one.ledger.correct(view)
        columns[f"{view}_flips"] = flips(correct).tolist()
        columns[f"{view}_forgotten"] = forgetting_events(correct).tolist()
        columns[f"{view}_wrong"] = _shares(misclassification_ratio(one.late(view)))
        if view != "raw" and one.same_steps("raw", view):
            columns[f"{view}_mismatch"] = _shares(mismatch(one.ledger.correct("raw"), correct))
    _write(path, list(columns), zip(*columns.values(), strict=True))


def _shares(values: Iterable[float]) -> list[str]:
    return [f"{value:.6g}" for value in values]


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    def fill(file):  # type: ignore[no-untyped-def]
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in header])
        writer.writerows(lines)

    atomic.write_lines(path, fill)
