"""The metrics by name: which there are for a task, which way is better, and the meters that measure them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from recipelab.core.errors import UserError, did_you_mean
from recipelab.metrics import classification, regression
from recipelab.metrics.auroc import AUROC
from recipelab.metrics.calibration import CalibrationError
from recipelab.metrics.classification import ClassificationMetrics
from recipelab.metrics.directions import TOP
from recipelab.metrics.meters import Meter, Metrics
from recipelab.metrics.own import Own
from recipelab.metrics.regression import RegressionMetrics
from recipelab.metrics.topk import TopK

# What a task is judged by unless the recipe says otherwise, and what tells equal ones apart.
PRIMARY = {"classification": "accuracy", "regression": "mae"}
TIE_BREAKER = {"classification": "nll", "regression": "mse"}
NAMES = {
    "classification": (*classification.NAMES, *classification.FURTHER, "ece", "auroc", "auroc_per_class"),
    "regression": regression.NAMES,
}


def check_name(name: str, task: str, num_classes: int) -> None:
    """Raise UserError when there is no metric `name` for this task and number of classes."""
    if task == "classification" and (top := TOP.fullmatch(name)):
        if int(top[1]) >= num_classes:
            raise UserError(f"metrics: {name} is 1 whatever the model does, as there are {num_classes} classes")
        return
    if name not in NAMES[task]:
        other = next((t for t, names in NAMES.items() if name in names and t != task), None)
        hint = f" (it is one of {other})" if other else did_you_mean(name, NAMES[task])
        further = ", top<k>" if task == "classification" else ""
        raise UserError(
            f"metrics: there is no metric {name!r} of a {task}{hint}\n  metrics: {', '.join(NAMES[task])}{further}"
        )


def measured(task: str, num_classes: int, further: Sequence[str]) -> list[str]:
    """The names of the single numbers that an evaluation gives, in order; what `select_metric` may name."""
    always = [n for n in NAMES[task] if n in (*classification.NAMES, *regression.NAMES)]
    names = [n for n in (*always, *further) if not n.endswith(("_per_class", "_per_target"))]
    return [n for n in dict.fromkeys(names) if n != "top5" or num_classes > classification.TOP]


def make_metrics(
    task: str,
    num_classes: int,
    device: torch.device | str,
    names: Sequence[str] = (),
    own: Mapping[str, Callable[[], Any]] | None = None,
) -> Metrics:
    """New metrics for one pass over a split.

    num_classes: K, or the number of targets. names: further metrics, each good by `check_name`.
    own: name -> builder of the user's metrics.
    """
    theirs = [Own(name, build(), device) for name, build in (own or {}).items()]
    if task == "regression":
        return Metrics([RegressionMetrics(num_classes, device), *theirs], device)
    further = [name for name in names if name in classification.FURTHER]
    meters: list[Meter] = [ClassificationMetrics(num_classes, device, further)]
    tops = sorted({int(top[1]) for name in names if (top := TOP.fullmatch(name))} - {classification.TOP})
    if tops:
        meters.append(TopK(tops, device))
    if "ece" in names:
        meters.append(CalibrationError(device))
    if {"auroc", "auroc_per_class"} & set(names):
        meters.append(AUROC(num_classes, device, per_class="auroc_per_class" in names))
    return Metrics([*meters, *theirs], device)
