"""What follows from the task: the loss, the metrics, and the one that selects. Settled once the facts are known."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import torch

from recipelab.config.check import FACTS, Bound, Recipe
from recipelab.config.signature import schema_of
from recipelab.config.slots import described
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.facts import Facts
from recipelab.core.watch import Watch
from recipelab.losses import auto
from recipelab.metrics import catalogue
from recipelab.metrics.directions import LOWER_IS_BETTER
from recipelab.metrics.meters import Metrics
from recipelab.metrics.own import Own
from recipelab.metrics.running import SCORES

_TRIED = 4  # samples of a trial
# What a ledger can keep, the first by default. A regression has no right and wrong, and its errors are 32 bits each.
_LEDGERS = {"classification": ("correct", "margin", "none"), "regression": ("none", "error")}


def settle(recipe: Recipe, facts: Facts) -> Recipe:
    """The recipe with every `auto` of the task resolved. Raises UserError for a loss or metric that does not fit."""
    recipe = _with_loss(recipe, facts.task)
    task = getattr(recipe.slots["loss"].target, "task", facts.task)
    if task != facts.task:
        raise UserError(
            f"loss: {recipe.slots['loss'].name} is a loss of {task}, and the data are a {facts.task}\n"
            "  fix: loss=auto takes the loss of the task"
        )
    for name in _names(recipe):
        catalogue.check_name(name, facts.task, facts.num_classes)
    metric, known = recipe.run.select_metric, _selectable(recipe, facts)
    metric = catalogue.PRIMARY[facts.task] if metric == "auto" else metric
    if metric not in known:
        raise UserError(
            f"select_metric={metric}: what is measured is {', '.join(known)}{did_you_mean(metric, known)}"
            f"\n  a metric that is not measured by itself is added by metrics=[{metric}]"
        )
    lower_is_better(recipe, metric)
    ledger = _ledger(recipe, facts.task)
    run = replace(recipe.run, select_metric=metric, ledger=ledger)
    recipe = replace(recipe, run=run, config={**recipe.config, "select_metric": metric, "ledger": ledger})
    return _with_watched(recipe, catalogue.PRIMARY[facts.task])


def _with_watched(recipe: Recipe, metric: str) -> Recipe:
    """`metric: auto` of early stopping and of a schedule that follows the metrics replaced by `metric`."""
    stopping, schedule = recipe.early_stopping, recipe.slots["scheduler"]
    if stopping and stopping.metric == "auto":
        config = {**recipe.config, "early_stopping": {**recipe.config["early_stopping"], "metric": metric}}
        recipe = replace(recipe, early_stopping=replace(stopping, metric=metric), config=config)
    if schedule.kwargs.get("metric") == "auto" and hasattr(schedule.target, "observe"):
        slots = {**recipe.slots, "scheduler": replace(schedule, kwargs={**schedule.kwargs, "metric": metric})}
        config = {**recipe.config, "scheduler": {**recipe.config["scheduler"], "metric": metric}}
        recipe = replace(recipe, slots=slots, config=config)
    return recipe


def lower_is_better(recipe: Recipe, metric: str) -> bool:
    """Which way `metric` selects. Raises UserError for a metric of the user's that does not say."""
    if metric not in recipe.metrics:
        return metric in LOWER_IS_BETTER
    higher = getattr(recipe.metrics[metric].target, "higher_is_better", None)
    if higher is None:
        raise UserError(
            f"select_metric={metric}: {recipe.metrics[metric].name} does not say whether higher is better"
            " (its `higher_is_better`): it can be measured, but cannot select"
        )
    return not higher


def refuse_unknown(watch: Watch, section: str, recipe: Recipe, facts: Facts, views: list[str]) -> None:
    """Raise UserError for a metric or view that there is not; settle which way is better where that is left open."""
    scores = [f"train_{name}" for name in ("loss", *SCORES[facts.task][0])]
    watch.refuse_unknown(section, [*_selectable(recipe, facts), *scores], views)
    if watch.mode == "auto" and watch.metric not in scores:
        watch.mode = "min" if lower_is_better(recipe, watch.metric) else "max"


def make_metrics(recipe: Recipe, facts: Facts, device: torch.device | str) -> Metrics:
    """New metrics of the recipe, for one pass over a split."""
    own = {name: bound.build for name, bound in recipe.metrics.items()}
    return catalogue.make_metrics(facts.task, facts.num_classes, device, _names(recipe), own)


def tried_loss(slot: Bound, facts: Facts) -> None:
    """Raise UserError unless the loss gives one value a sample for outputs and targets of the data's kind."""
    outputs, targets = _samples(facts)
    loss = slot.build()
    try:
        values = loss(outputs.requires_grad_(), targets)
    except Exception as error:  # whatever somebody's loss raises
        kind = "float targets (B, T)" if facts.task == "regression" else "labels (B,)"
        raise UserError(f"loss: {slot.name} cannot take {kind}: {described(error)}") from error
    shape = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
    if shape != (_TRIED,):
        raise UserError(
            f"loss: {slot.name} gives {shape} for {_TRIED} samples: one value a sample is expected"
            ' (reduction="none", and the mean over whatever a sample has several of)'
        )


def _with_loss(recipe: Recipe, task: str) -> Recipe:
    """`loss=auto` replaced by what it stands for."""
    bound = recipe.slots["loss"]
    if bound.target is not auto.auto:
        return recipe
    target = auto.BY_TASK[task]
    schema = schema_of(target)
    other = {k: v for k, v in bound.kwargs.items() if k not in schema.parameters and v and k not in FACTS}
    for key, value in other.items():
        raise UserError(f"loss.{key}={value} has nothing to apply to in a {task}: leave it out")
    own = {key: value for key, value in bound.kwargs.items() if key in schema.parameters}
    node = {"_target_": f"{target.__module__}.{target.__qualname__}", **own}
    slots = {**recipe.slots, "loss": replace(bound, target=target, schema=schema, kwargs=own)}
    return replace(recipe, slots=slots, config={**recipe.config, "loss": node})


def _ledger(recipe: Recipe, task: str) -> Any:
    """The kind of ledger, settled. Raises UserError for one that has nothing to keep of this task."""
    kind, kinds = recipe.run.ledger, _LEDGERS[task]
    if kind == "auto":
        return kinds[0]
    if kind not in kinds:
        raise UserError(f"ledger={kind} has nothing to keep of a {task}\n  of a {task}: ledger={'|'.join(kinds)}")
    return kind


def _names(recipe: Recipe) -> list[str]:
    return [item for item in recipe.run.metrics if isinstance(item, str)]


def _selectable(recipe: Recipe, facts: Facts) -> list[str]:
    """Every single number that an evaluation will give; metrics of the user's are tried for it."""
    names = catalogue.measured(facts.task, facts.num_classes, _names(recipe))
    for name, bound in recipe.metrics.items():
        if name in names or name in catalogue.NAMES[facts.task]:
            raise UserError(f"metrics: {name} is measured already: give {bound.name} another name, name=...")
        names += [key for key in _tried_metric(name, bound, facts) if key == name]
    return names


def _tried_metric(name: str, bound: Bound, facts: Facts) -> dict[str, Any]:
    trial = Own(name, bound.build(), "cpu")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of a class without samples: these are no real ones
            trial.update(*_samples(facts))
            return trial.result(trial.totals.numpy())
    except Exception as error:  # whatever somebody's metric raises
        raise UserError(f"metrics: {bound.name} cannot measure a {facts.task}: {described(error)}") from error


def _samples(facts: Facts) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and targets of _TRIED samples, all different."""
    outputs = torch.linspace(-1, 1, _TRIED * facts.num_classes).reshape(_TRIED, facts.num_classes)
    if facts.task == "regression":
        return outputs, outputs.flip(0) / 2
    return outputs, torch.arange(_TRIED) % facts.num_classes
