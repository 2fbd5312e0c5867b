"""A cross-validation's tables: every metric of each fold, their mean and deviation, and how that is to be read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from recipelab.core.plain import at
from recipelab.reports.material import CrossValidation, OneRun
from recipelab.reports.metric_tables import metrics_of
from recipelab.reports.parts import Cell, Column, Table
from recipelab.reports.run_tables import headline
from recipelab.reports.units import number, unit

SPLITS = ("val", "test", "train")
Found = Mapping[tuple[str, str], Mapping[int, float]]
"""(split, metric) -> fold -> value."""


def measured(one: CrossValidation, view: str) -> dict[tuple[str, str], dict[int, float]]:
    """Every metric of a view, of the checkpoint that each fold's headline is of."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for split in SPLITS:
        for fold, run in one.folds.items():
            for metric, value in metrics_of(run, split, headline(run)[0], view).items():
                found.setdefault((split, metric), {})[fold] = value
    return found


def views(one: CrossValidation) -> list[str]:
    """Those that the folds were measured by, that of their headline first."""
    found = dict.fromkeys(headline(run)[1] for run in one.folds.values())
    for run in one.folds.values():
        for split in SPLITS:
            there = at(run.result, split, headline(run)[0])
            found |= dict.fromkeys(there) if isinstance(there, dict) else {}
    return [view for view in found if measured(one, view)]


def mean_and_deviation(values: Mapping[int, float]) -> tuple[float, float | None]:
    """Over the folds; the deviation is that of a sample (n - 1), and None for one fold."""
    told = list(values.values())
    return float(np.mean(told)), float(np.std(told, ddof=1)) if len(told) > 1 else None


def lead(one: CrossValidation) -> str:
    """The headline's metric on the folds' validation parts, in one sentence."""
    if not one.folds:
        return "No fold has a record."
    _, view, metric = headline(next(iter(one.folds.values())))
    values, show = measured(one, view).get(("val", metric)), unit(metric)
    if not values:
        return "No fold has a result yet."
    return (
        f"Validation {metric} of {len(values)} folds, mean ± standard deviation:"
        f" {_spread(values, metric)}{' %' if show.sign else ''} (weights {view})."
    )


def warnings(one: CrossValidation) -> list[str]:
    """That folds are no independent runs, which are missing, and a summary that is older than its records."""
    found = []
    if len(one.folds) > 1:
        share = f"any two trainings share {(one.count - 2) / (one.count - 1):.0%} of their samples"
        if one.count == 2:
            share = "each is trained on what the other is validated on"
        found.append(
            f"The folds are of one data set, and {share}: the standard deviation tells how the folds differ. It is no"
            " interval over independent runs, which folds cannot give (Bengio and Grandvalet 2004)."
        )
    trained = sum(run.status == "finished" for run in one.folds.values())
    if trained < one.count:
        found.append(f"{trained} of {one.count} folds are trained; the command repeated goes on with the others.")
    if one.problem:
        found.append(f"The summary cannot be read: {one.problem}")
    elif _stale(one):
        found.append("cross_validation.json says other means than its records.")
    return found


def _stale(one: CrossValidation) -> bool:
    """Whether a finished summary has a mean that is not that of the records' headlines."""
    if one.summary.get("status") != "finished" or not one.folds:
        return False
    found = measured(one, headline(next(iter(one.folds.values())))[1])
    means = {name: mean_and_deviation(values)[0] for name, values in found.items()}
    pairs = [(mean, number(at(one.summary, "mean", *name))) for name, mean in means.items()]
    return any(math.isfinite(mean) and (told is None or not math.isclose(mean, told)) for mean, told in pairs)


def means_table(one: CrossValidation, link: str, doubts: Sequence[str]) -> Table | None:
    """A row a view: mean and deviation of every metric; and the folds as one ensemble, where it was measured.

    link: to the folds' table.
    """
    found = {view: measured(one, view) for view in views(one)}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    if not names:
        return None
    rows = []
    for view, values in found.items():
        cells = [_mean(values.get(name, {}), name[1], link) for name in names]
        rows.append([Cell(view), Cell(str(len(one.folds)), (len(one.folds),)), *cells])
    ensemble = at(one.summary, "ensemble", "test")
    if isinstance(ensemble, dict):
        cells = [_alone(number(ensemble.get(m)) if s == "test" else None, m) for s, m in names]
        kind = str(at(one.summary, "ensemble", "kind") or "")
        rows.append([Cell(f"all folds together ({kind})"), Cell("", (None,)), *cells])
    columns = [Column("weights"), Column("n", True)]
    for split, metric in names:
        name = f"{split} {metric}"
        columns.append(Column(unit(metric).heading(name), True, (f"{name} mean", f"{name} std", f"{name} n")))
    caption = (
        "Mean ± standard deviation over the folds (n - 1), of the checkpoint that each fold's headline is of; val: the"
        " fold that was left out of the training."
    )
    if isinstance(ensemble, dict):
        caption += " All folds together: the mean of their outputs, on the test split, as one model."
    return Table("means", "Over the folds", columns, rows, caption, doubts)


def folds_table(one: CrossValidation, anchors: Mapping[str, str], doubts: Sequence[str]) -> Table | None:
    """A row a fold and view, each with a link to the run. anchors: of runs, by name."""
    found = {view: measured(one, view) for view in views(one)}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    if not names:
        return None
    rows = []
    for fold, run in one.folds.items():
        for view, values in found.items():
            rows.append(_fold(fold, run, view, [values.get(name, {}).get(fold) for name in names], names, anchors))
    columns = [Column("fold"), Column("run"), Column("status"), Column("checkpoint"), Column("weights")]
    columns += [Column(unit(metric).heading(f"{split} {metric}"), True) for split, metric in names]
    return Table("folds", "Every fold", columns, rows, "Each number leads to its run.", doubts)


def _fold(
    fold: int,
    run: OneRun,
    view: str,
    values: Sequence[float | None],
    names: Sequence[tuple[str, str]],
    anchors: Mapping[str, str],
) -> list[Cell]:
    link = anchors[run.name]
    numbers = [
        Cell(unit(metric).text(value), (value,), link if value is not None else "")
        for value, (_, metric) in zip(values, names, strict=True)
    ]
    status = Cell(run.status, badge=run.status)
    return [Cell(str(fold), (fold,)), Cell(run.name, (), link), status, Cell(headline(run)[0]), Cell(view), *numbers]


def _spread(values: Mapping[int, float], metric: str) -> str:
    (mean, deviation), show = mean_and_deviation(values), unit(metric)
    return show.text(mean) + ("" if deviation is None else f" ± {show.text(deviation)}")


def _mean(values: Mapping[int, float], metric: str, link: str) -> Cell:
    if not values:
        return Cell("", (None,) * 3)
    mean, deviation = mean_and_deviation(values)
    return Cell(_spread(values, metric), (mean, deviation, len(values)), link)


def _alone(value: float | None, metric: str) -> Cell:
    """A single number, which has no deviation."""
    return Cell(unit(metric).text(value), (value, None, None if value is None else 1))
