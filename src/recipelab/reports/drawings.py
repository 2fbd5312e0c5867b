"""From records to figures: what a study's file asks for, or what fits it; and what every run has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from recipelab.config.signature import fill, schema_of
from recipelab.figures.catalogue import CATALOGUE, Ledger
from recipelab.figures.chart import Axis, Chart, Figure
from recipelab.figures.curves import Series, curves_panel
from recipelab.figures.distances import distances_chart
from recipelab.reports import drawn_curves, drawn_dots, drawn_ledgers, drawn_resources, drawn_results, tables_of_study
from recipelab.reports.material import OneRun, StudyMaterial
from recipelab.reports.numbers import Numbers, metric_axis
from recipelab.reports.parts import Table
from recipelab.reports.run_courses import course, distance

Maker = Callable[[Numbers, Any], Any]
_FIGURES: dict[str, Maker] = {
    "arms": lambda found, wanted: drawn_dots.arms(found),
    "curves": drawn_curves.curves,
    "training": drawn_curves.training,
    "scatter": drawn_dots.scatter,
    "time": drawn_dots.time,
    "boxes": drawn_dots.boxes,
    "effects": drawn_dots.effects,
    "decays": lambda found, wanted: drawn_curves.decays(found),
    "parallel": lambda found, wanted: drawn_dots.parallel(found),
    "resources": lambda found, wanted: drawn_resources.consumption(found),
    "power": lambda found, wanted: drawn_resources.power(found),
    "ledger": drawn_ledgers.of_study,
    "distances": lambda found, wanted: drawn_ledgers.distances(found),
}
_TABLES: dict[str, Maker] = {"pivot": tables_of_study.pivot, "recipes": tables_of_study.recipes}


def figures_of_study(study: StudyMaterial) -> list[Figure]:
    """The figures that the study's file names, or that fit it; the dots of all arms before everything.

    A figure that the records have nothing for is left out. Raises UserError for a name or option that is none, of a
    file that was changed by hand.
    """
    return _unique(list(_made(study, _FIGURES)))


def tables_of(study: StudyMaterial) -> list[Table]:
    """The tables that the study's file names; without any, that of all recipes."""
    return list(_made(study, _TABLES))


def _made(study: StudyMaterial, makers: dict[str, Maker]) -> Iterator[Any]:
    found = Numbers(study)
    if not found.arms:
        return
    for name, options in _wanted(found):
        if name in makers:
            spec = CATALOGUE[name]
            figure = makers[name](found, spec(**fill(f"study.figures.{name}", options, schema_of(spec), what=name)))
            if figure is not None:
                yield figure


def _wanted(found: Numbers) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, options) of everything that is to be shown."""
    asked = found.study.definition.get("figures") or []
    nodes = [{"show": one} if isinstance(one, str) else dict(one) for one in asked]
    if not any(node.get("show") == "arms" for node in nodes):
        yield "arms", {}
    yield from ((node.pop("show"), node) for node in nodes) if nodes else _fitting(found)


def _fitting(found: Numbers) -> Iterator[tuple[str, dict[str, Any]]]:
    """What fits a study that names nothing: by the axes that it has, and the views that it compares."""
    axes = list(found.axes)
    views = {one.view for arm in found.arms for one in arm.readings}
    many = len(found.arms) > drawn_curves.MANY and len(axes) > 1
    yield "curves", {"panel": axes[0], "line": axes[1], "rates": True} if many else {}
    yield "training", {}
    if len(axes) > 1:
        yield "pivot", {"rows": axes[0], "columns": axes[1]}
        yield "effects", {}
    if len(views - {"raw"}) > 1:
        yield "decays", {}
    if views - {"raw"}:
        yield "distances", {}
    yield "time", {"colour": axes[0]} if axes else {}
    yield "parallel", {}
    yield "resources", {}
    yield "recipes", {}


def _unique(figures: Sequence[Figure]) -> list[Figure]:
    """Figures whose names are their own; they name files."""
    seen: dict[str, int] = {}
    found = []
    for figure in figures:
        seen[figure.name] = seen.get(figure.name, 0) + 1
        found.append(figure if seen[figure.name] == 1 else replace(figure, name=f"{figure.name}_{seen[figure.name]}"))
    return found


def figures_of_run(run: OneRun) -> list[Figure]:
    """Learning curves of every view, learning rate, results, averages' distances, what the ledger tells, resources."""
    views = _views(run)
    metric = "accuracy" if run.result.get("task") != "regression" else "mae"
    made: list[Figure | None] = [_learning(run, views, metric), *drawn_results.of_results(run)]
    made += [
        drawn_ledgers.of_run(run, shows, (), Ledger().since, run.name)
        for shows in ("stability", "misclassification", "barcodes")
    ]
    lines = {view: pair for view in views if view != "raw" and len((pair := distance(run, view))[0])}
    made.append(distances_chart(lines, "Averages and raw weights: how far apart") if lines else None)
    made.append(drawn_resources.over_time(run))
    return [figure for figure in made if figure is not None]


def _views(run: OneRun) -> list[str]:
    """Views of a run, as the columns of its metrics name them."""
    columns = run.rows[-1] if run.rows else {}
    ends = ("_nll", "_mse")
    return [
        c.removeprefix("val_")[: -len(end)] for c in columns for end in ends if c.startswith("val_") and c.endswith(end)
    ]


def _learning(run: OneRun, views: Sequence[str], metric: str) -> Chart | None:
    """Loss, metric and learning rate against the epoch; solid on validation data, dashed as trained on."""
    loss = "nll" if run.result.get("task") != "regression" else "mse"
    loss_lines = [Series("training, as trained on", [course(run, "train_loss")], 6, "dashed")]
    metric_lines = [Series("training, as trained on", [course(run, f"train_{metric}")], 6, "dashed")]
    for index, view in enumerate(views):
        loss_lines.append(Series(view, [course(run, f"val_{view}_{loss}")], index))
        metric_lines.append(Series(view, [course(run, f"val_{view}_{metric}")], index))
    epoch = Axis("epoch")
    panels = [
        curves_panel(metric_lines, epoch, metric_axis(metric), f"validation {metric}"),
        curves_panel(loss_lines, epoch, Axis(loss), f"validation {loss}"),
        curves_panel([Series("", [course(run, "lr")], 0, step=True)], epoch, Axis("learning rate"), "learning rate"),
    ]
    panels = [panel for panel in panels if panel.marks]
    return Chart("learning", f"Learning curves: {run.name}", panels, columns=len(panels)) if panels else None


def figures_of_runs(runs: Sequence[OneRun]) -> list[Figure]:
    """Several runs that belong to no study, side by side: their metric and loss, learning rate and speed."""
    shown = runs[: drawn_curves.MANY]
    metric = "mae" if any(run.result.get("task") == "regression" for run in shown) else "accuracy"
    quantities = [
        (f"val_VIEW_{metric}", metric_axis(metric, "validation")),
        ("train_loss", Axis("training loss")),
        ("lr", Axis("learning rate")),
        ("epoch_seconds", Axis("seconds an epoch")),
    ]
    panels = []
    for column, axis in quantities:
        lines = [
            Series(run.name, [course(run, column.replace("VIEW", _headline(run)))], index)
            for index, run in enumerate(shown)
        ]
        panels.append(curves_panel(lines, Axis("epoch"), axis))
    panels = [panel for panel in panels if panel.marks]
    more = f" The first {len(shown)} of {len(runs)} runs." if len(runs) > len(shown) else ""
    return [Chart("runs", "The runs side by side", panels, f"A line a run.{more}", columns=2)] if panels else []


def _headline(run: OneRun) -> str:
    headline = run.result.get("headline")
    return str(headline.get("view", "raw")) if isinstance(headline, dict) else "raw"
