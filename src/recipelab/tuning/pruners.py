"""Optuna's pruners by name: what ends a trial early. Each function's signature is the pruner's options.

A step is an evaluation of the validation split, counted from 1: with `trainer.evaluate_every=1ep` an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from optuna import pruners
from optuna.pruners import BasePruner

from recipelab.config.signature import fill, schema_of
from recipelab.core.errors import UserError, did_you_mean
from recipelab.tuning.quiet import quiet

Count = Annotated[int, Ge(1)]
Number = Annotated[int, Ge(0)]
FIRST = 1  # Optuna counts a warm-up's steps from 0, and our first evaluation is 1


def none() -> BasePruner:
    """Every trial runs to its end."""
    return pruners.NopPruner()


def median(
    *, n_startup_trials: Number = 5, n_warmup_steps: Number = 0, interval_steps: Count = 1, n_min_trials: Count = 1
) -> BasePruner:
    """Ends a trial whose best value so far is below the median of the others at the same step (Golovin et al. 2017)."""
    return pruners.MedianPruner(n_startup_trials, n_warmup_steps + FIRST, interval_steps, n_min_trials=n_min_trials)


def percentile(
    *,
    percentile: Annotated[float, Gt(0), Lt(100)],
    n_startup_trials: Number = 5,
    n_warmup_steps: Number = 0,
    interval_steps: Count = 1,
    n_min_trials: Count = 1,
) -> BasePruner:
    """The same with another percentile than the median: 25 keeps the best quarter."""
    return pruners.PercentilePruner(
        percentile, n_startup_trials, n_warmup_steps + FIRST, interval_steps, n_min_trials=n_min_trials
    )


def hyperband(
    *,
    min_resource: Count = 1,
    max_resource: Count | None = None,
    reduction_factor: Annotated[int, Ge(2)] = 3,
    bootstrap_count: Number = 0,
) -> BasePruner:
    """Brackets of successive halving (Li et al. 2018). max_resource: steps of a whole trial; null: of the first."""
    return pruners.HyperbandPruner(
        min_resource, "auto" if max_resource is None else max_resource, reduction_factor, bootstrap_count
    )


def successive_halving(
    *,
    min_resource: Count | None = None,
    reduction_factor: Annotated[int, Ge(2)] = 4,
    min_early_stopping_rate: Number = 0,
    bootstrap_count: Number = 0,
) -> BasePruner:
    """Asynchronous successive halving (Li et al. 2020). min_resource: steps before the first cut; null: a hundredth."""
    return pruners.SuccessiveHalvingPruner(
        "auto" if min_resource is None else min_resource, reduction_factor, min_early_stopping_rate, bootstrap_count
    )


def threshold(
    *,
    lower: float | None = None,
    upper: float | None = None,
    n_warmup_steps: Number = 0,
    interval_steps: Count = 1,
) -> BasePruner:
    """Ends a trial with a value outside of [lower, upper]."""
    if lower is None and upper is None:
        raise UserError("pruner=threshold needs a bound: pruner.lower=0.2, or pruner.upper=5")
    return pruners.ThresholdPruner(lower, upper, n_warmup_steps + FIRST, interval_steps)


def patient(*, patience: Number, min_delta: Annotated[float, Ge(0)] = 0.0) -> BasePruner:
    """Ends a trial whose last `patience` + 1 values are all worse, by more than min_delta, than its best before."""
    return pruners.PatientPruner(None, patience, min_delta)


def wilcoxon(*, p_threshold: Annotated[float, Ge(0), Le(1)] = 0.1, n_startup_steps: Number = 2) -> BasePruner:
    """Ends a trial that a signed-rank test, paired by step, finds worse than the best. The steps of one curve are not
    independent, so p is no probability here."""
    return pruners.WilcoxonPruner(p_threshold=p_threshold, n_startup_steps=n_startup_steps)


PRUNERS: dict[str, Callable[..., BasePruner]] = {
    "median": median,
    "percentile": percentile,
    "hyperband": hyperband,
    "successive_halving": successive_halving,
    "threshold": threshold,
    "patient": patient,
    "wilcoxon": wilcoxon,
    "none": none,
}


def make_pruner(name: str, node: str | dict[str, Any]) -> BasePruner:
    """The pruner `name` with the options of the search's key `pruner`. Raises UserError."""
    if name not in PRUNERS:
        hint = did_you_mean(name, PRUNERS)
        raise UserError(f"pruner={name}: there is no such{hint}\n  pruners: {', '.join(PRUNERS)}")
    options = {} if isinstance(node, str) else {key: value for key, value in node.items() if key != "name"}
    filled = fill("pruner", options, schema_of(PRUNERS[name]), what=name)
    with quiet():
        return PRUNERS[name](**filled)
