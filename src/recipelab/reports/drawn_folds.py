"""The folds of a cross-validation over their epochs."""

from __future__ import annotations

from recipelab.figures.chart import Axis, Chart
from recipelab.figures.curves import Series, curves_panel
from recipelab.reports.material import CrossValidation
from recipelab.reports.numbers import metric_axis
from recipelab.reports.run_courses import course
from recipelab.reports.run_tables import headline


def folds(one: CrossValidation) -> list[Chart]:
    """Metric and loss on what each fold was validated on, and its training loss; a line a fold."""
    if not one.folds:
        return []
    first = next(iter(one.folds.values()))
    _, view, metric = headline(first)
    loss = "mse" if first.result.get("task") == "regression" else "nll"
    quantities = [
        (f"validation {metric}", f"val_{view}_{metric}", metric_axis(metric)),
        (f"validation {loss}", f"val_{view}_{loss}", Axis(loss)),
        ("training loss", "train_loss", Axis("loss")),
    ]
    panels = []
    for title, column, axis in quantities if metric != loss else quantities[1:]:
        lines = [Series(f"fold {fold}", [course(run, column)], fold) for fold, run in one.folds.items()]
        panels.append(curves_panel(lines, Axis("epoch"), axis, title))
    panels = [panel for panel in panels if panel.marks]
    caption = f"A line a fold, each validated on its own part of the data; weights {view}."
    return [Chart("folds", "The folds side by side", panels, caption, columns=len(panels))] if panels else []
