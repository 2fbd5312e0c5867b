"""`recipelab average RUN --sweep`: a metric against the decay of a moving average, of one run, as a curve."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from recipelab.averaging.ema import Ema, decay_of_half_life, half_life_of
from recipelab.averaging.synthesis import Combination
from recipelab.commands.average import count, opening, the_run
from recipelab.commands.evaluate import locked
from recipelab.commands.lab import Bench, Lab, open_lab
from recipelab.commands.screen import shown
from recipelab.commands.wanted import AT_ONCE, solved
from recipelab.config.averages import named_averages
from recipelab.core import atomic
from recipelab.core.cells import csv_cell
from recipelab.figures.decay_curve import DecayCurve, decay_chart
from recipelab.figures.pictures import write
from recipelab.loop.device import applied
from recipelab.metrics.catalogue import PRIMARY
from recipelab.records.log import Log
from recipelab.reports.drawn_results import BOUND
from recipelab.reports.numbers import metric_axis

POINTS = 24
SHORTEST, LONGEST = 0.25, 0.5
"""Half-lives: from a quarter of an epoch, or the shortest that was tracked, to half of the run."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A curve over decays.

    rows: of each point its kind (raw, tracked, synthesised), view, half_life (steps), half_life_epochs, decay,
    residual, amplification, admissible, and its metrics, None where it was refused. files: picture and CSV.
    """

    rows: list[Row]
    split: str
    files: list[Path] = field(default_factory=list)


def sweep_decays(
    *words: str | Path,
    split: str = "val",
    points: int = POINTS,
    config_dir: str | None = None,
    quiet: bool = False,
) -> Sweep:
    """Measure moving averages of many decays of one finished run; the same as `recipelab average RUN --sweep`.

    words, split: as in `average`. points: half-lives of the curve, evenly spaced in their logarithm.

    Tracked averages and the raw weights are measured beside them, the averages with batch statistics that are
    recomputed in the same way. Raises UserError.
    """
    log = Log(quiet=quiet)
    path, ask = the_run(words, config_dir)
    lab = open_lab(path, ask, split, log)
    for line in opening(lab):
        log(line)
    tracked = _tracked(lab)
    grid = _grid(lab, [half_life for half_life in tracked.values() if half_life >= 1], points)
    wanted = [lab.wishes.half_life(steps) for steps in grid]
    found = solved([entry.profile for entry in lab.entries], wanted)
    with contextlib.closing(lab.job), locked([lab.run.record]), applied(lab.job.execution):
        bench = Bench(lab)
        bench.load(bench.own, renew=False)
        rows = [_row(lab, "raw", "raw", 0.0, metrics=bench.measure())]
        for view, half_life in tracked.items():
            bench.load(lab.trained.views[view])
            rows.append(_row(lab, "tracked", view, half_life, metrics=bench.measure()))
        made = _made(bench, found)
        for steps, one in zip(grid, found, strict=True):
            metrics: Row = {}
            if one.admissible:
                bench.load(next(made))
                metrics = bench.measure()
            told = {"residual": one.residual, "amplification": one.amplification, "admissible": one.admissible}
            rows.append(_row(lab, "synthesised", "", steps, metrics=metrics, **told))
            log(_line(rows[-1], PRIMARY[lab.job.facts.task]))
        files = _written(lab, rows)
    for file in files:
        log(f"written: {file}")
    return Sweep(rows, split, files)


def _made(bench: Bench, found: list[Combination]) -> Iterator[dict[str, Tensor]]:
    """The weights of each combination that is admissible; some at once, as each would read the whole store."""
    good = [one.coefficients for one in found if one.admissible]
    for first in range(0, len(good), AT_ONCE):
        yield from bench.weights(good[first : first + AT_ONCE])


def _tracked(lab: Lab) -> dict[str, float]:
    """The moving averages that the run has tracked, and their half-lives in steps."""
    found = {}
    for name, named in named_averages(lab.job.recipe.averaging).items():
        average = named.build()
        if isinstance(average, Ema) and name in lab.trained.views:
            found[name] = half_life_of(average.per_update(lab.wishes.clock.timeline)) * average.interval
    return found


def _grid(lab: Lab, tracked: list[float], points: int) -> list[float]:
    """Half-lives in steps."""
    low = min([SHORTEST * lab.plan.steps_per_epoch, LONGEST * lab.steps, *tracked])
    return [float(steps) for steps in np.geomspace(max(1.0, low), max(2.0, LONGEST * lab.steps), points)]


def _row(lab: Lab, kind: str, view: str, half_life: float, *, metrics: Row, **told: Any) -> Row:
    decay = decay_of_half_life(half_life)
    told = told or {"residual": 0.0, "amplification": 1.0, "admissible": True}
    epochs = half_life / lab.plan.steps_per_epoch
    single = {key: value for key, value in metrics.items() if not isinstance(value, list)}
    return {
        **{"kind": kind, "view": view, "half_life": half_life, "half_life_epochs": epochs, "decay": decay},
        **told,
        **single,
    }


def _line(row: Row, metric: str) -> str:
    what = shown(metric, row[metric]) if metric in row else "refused"
    return (
        f"half-life {row['half_life_epochs']:.3g} epochs, decay {row['decay']:.6g}: {what}"
        f"  (residual {row['residual']:.2g}, amplification {row['amplification']:.3g})"
    )


def _written(lab: Lab, rows: list[Row]) -> list[Path]:
    """The picture and the CSV of a sweep."""
    record, metric = lab.run.record, PRIMARY[lab.job.facts.task]
    columns = list(rows[0])
    curve = [row for row in rows if row["kind"] == "synthesised"]
    tracked = {row["view"]: (row["half_life_epochs"], row[metric]) for row in rows if row["kind"] == "tracked"}
    drawn = DecayCurve(
        half_lives=np.array([row["half_life_epochs"] for row in curve]),
        values=np.array([row.get(metric, np.nan) for row in curve], dtype=np.float64),
        raw=rows[0][metric],
        steps_per_epoch=lab.plan.steps_per_epoch,
        tracked={name: point for name, point in tracked.items() if point[0] > 0},
    )
    title = f"{lab.trained.name}: averages at its end, {lab.split} ({count(lab)} samples)"
    with record.averages.file(f"sweep_{lab.split}.csv") as path:
        table = path
        atomic.write_lines(path, lambda file: _table(csv.writer(file, lineterminator="\n"), columns, rows))
    with record.figure(f"decay_sweep_{lab.split}") as picture:
        write(decay_chart(drawn, title, metric_axis(metric, lab.split), BOUND, picture.stem), picture)
    return [picture, table]


def _table(writer: Any, columns: list[str], rows: list[Row]) -> None:
    writer.writerow(columns)
    writer.writerows([csv_cell(str(row.get(column, ""))) for column in columns] for row in rows)
