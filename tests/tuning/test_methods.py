"""Samplers and pruners by name: their options are their signatures, and what Optuna takes is what is here."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any

import optuna
import pytest

from recipelab.core.errors import UserError
from recipelab.tuning.pruners import PRUNERS, make_pruner
from recipelab.tuning.samplers import SAMPLERS, Sampling
from recipelab.tuning.space import read_space

PARAMS = read_space({"x": "uniform(0,1,0.5)", "y": ["a", "b"]}, {})
NEEDED: dict[str, dict[str, Any]] = {
    "percentile": {"percentile": 25.0},
    "threshold": {"lower": 0.1},
    "patient": {"patience": 2},
}


def propose(sampling: Sampling, *entropy: int) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=sampling.at(*entropy))
        trial = study.ask({p.name: p.distribution for p in PARAMS})
    return trial.params


@pytest.mark.parametrize("name", [*SAMPLERS, "grid"])
def test_a_sampler_proposes_the_same_for_the_same_trial(name: str):
    sampling = Sampling({"name": name, "seed": 3}, PARAMS, 1)
    assert propose(sampling, 2) == propose(sampling, 2)
    assert propose(sampling, 2).keys() == {"x", "y"}


def test_another_trial_or_seed_is_proposed_something_else():
    wide = {"x": optuna.distributions.FloatDistribution(0, 1)}
    asked = [
        optuna.create_study(sampler=Sampling({"name": "random", "seed": seed}, PARAMS, 1).at(n)).ask(wide).params["x"]
        for seed, n in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(asked)) == 3


def test_a_grid_has_a_size():
    assert Sampling("grid", PARAMS, 1).limit == 6
    assert Sampling("tpe", PARAMS, 1).limit is None


def test_a_sampler_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(UserError, match="pip install cmaes"):
        Sampling("cmaes", PARAMS, 1)


@pytest.mark.parametrize(
    ("node", "metrics", "said"),
    [
        ("tpee", 1, "did you mean: tpe"),
        ({"name": "tpe", "n_startup_trails": 1}, 1, "did you mean: sampler.n_startup_trials"),
        ({"name": "tpe", "n_startup_trials": -1}, 1, "greater than or equal to 0"),
        ({"name": "gp", "deterministic_objective": "maybe"}, 1, "valid boolean"),
        ({"name": "tpe", "seed": -1}, 1, "whole number"),
        ({"name": "grid", "scramble": True}, 1, "not an option of grid"),
        ("cmaes", 2, "sampler=nsgaii"),
    ],
)
def test_a_wrong_sampler_is_refused(node: Any, metrics: int, said: str):
    with pytest.raises(UserError, match=said):
        Sampling(node, PARAMS, metrics)


@pytest.mark.parametrize("name", PRUNERS)
def test_a_pruner_has_its_options(name: str):
    made = make_pruner(name, {"name": name, **NEEDED.get(name, {})})
    assert isinstance(made, optuna.pruners.BasePruner)


@pytest.mark.parametrize("name", ["median", "percentile", "hyperband", "successive_halving", "threshold", "wilcoxon"])
def test_a_pruners_defaults_are_optunas(name: str):
    theirs = inspect.signature(getattr(optuna.pruners, "".join(map(str.title, name.split("_"))) + "Pruner")).parameters
    for key, ours in inspect.signature(PRUNERS[name]).parameters.items():
        if ours.default is not ours.empty and ours.default is not None:
            assert ours.default == theirs[key].default, key


@pytest.mark.parametrize("name", ["median", "percentile", "threshold"])
@pytest.mark.parametrize("warmup", [0, 1, 2])
def test_a_warm_up_is_as_many_evaluations_as_it_says(name: str, warmup: int):
    options = {"n_warmup_steps": warmup, **({"n_startup_trials": 1} if name != "threshold" else {})}
    pruner = make_pruner(name, {**NEEDED.get(name, {}), **options})
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for value in (0.9, 0.05):
        trial = study.ask()
        pruned = []
        for step in range(1, 5):
            trial.report(value, step)
            pruned.append(trial.should_prune())
        study.tell(trial, value)
    assert pruned == [step > warmup for step in range(1, 5)]


@pytest.mark.parametrize(
    ("name", "node", "said"),
    [
        ("medain", "medain", "did you mean: median"),
        ("median", {"n_warmup_stepps": 3}, "did you mean: pruner.n_warmup_steps"),
        ("percentile", "percentile", "pruner.percentile is required"),
        ("percentile", {"percentile": 100.0}, "less than 100"),
        ("threshold", "threshold", "needs a bound"),
        ("hyperband", {"reduction_factor": 1}, "greater than or equal to 2"),
    ],
)
def test_a_wrong_pruner_is_refused(name: str, node: Any, said: str):
    with pytest.raises(UserError, match=said):
        make_pruner(name, node)
