"""Every sampler and every pruner by its name, at work: whole searches of a cheap objective, in a book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from recipelab.commands.tune import tune
from recipelab.tuning.book import Book
from recipelab.tuning.pruners import PRUNERS, make_pruner
from recipelab.tuning.runner import draw
from recipelab.tuning.samplers import SAMPLERS, Sampling
from recipelab.tuning.space import read_space
from recipelab.tuning.storage import url_of
from tiny_recipe import TINY, USER_TREE

NUMBERS = {"x": "uniform(-1,1)", "y": "log(0.01,1)"}
MIXED = {**NUMBERS, "n": "int(1,9)", "kind": ["a", "b"]}
WHEN = {"kind=b": {"only_b": "uniform(0,1)"}}
STEPS = 6
pytestmark = pytest.mark.slow


def search(folder: Path, sampler: Any, space: Any, when: Any, *, trials: int, metrics: int = 1, pruner: Any = None):
    """A search whose trials end at once. Returns its trials in order."""
    params = read_space(space, when)
    sampling = Sampling(sampler, params, metrics)
    directions: Any = ["minimize", "maximize", "minimize", "minimize"][:metrics]
    limit = min(trials, sampling.limit or trials)
    with Book(folder, url_of(folder), "s", directions=directions, limit=limit, pruner=pruner) as book:
        while (trial := book.take(sampling.at)) is not None:
            drawn = draw(trial, params, frozenset())
            assert ("only_b" in drawn) == (drawn.get("kind") == "b" and bool(when))
            value = cost(drawn)
            # A curve that comes down to the value; what is far from good is so from the beginning.
            reasons = (book.report(trial, step, value + 1 / step) for step in range(1, STEPS + 1))
            why = next(filter(None, reasons), None) if pruner is not None else None
            if why is None:
                book.finish(trial, [value, drawn["x"], drawn["y"], -drawn["x"]][:metrics], "", 1.0)
            else:
                book.prune(trial, why, "")
        assert book.over()
        return book.trials()


def cost(drawn: Any) -> float:
    """Least, 0, at x = 0.3, y = 0.1; the rest changes little."""
    found = (drawn["x"] - 0.3) ** 2 + (np.log10(drawn["y"]) + 1) ** 2
    return float(found + 0.01 * (drawn.get("kind") == "b") + 0.001 * drawn.get("n", 0))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_searches_numbers_choices_and_what_only_some_trials_have(sampler: str, tmp_path: Path):
    found = search(tmp_path, sampler, MIXED, WHEN, trials=14)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 14
    assert len({tuple(trial.params.values()) for trial in found}) == 14
    assert {trial.params["kind"] for trial in found} == {"a", "b"}


def test_a_grid_searches_every_point_once(tmp_path: Path):
    space = {"x": "uniform(-1,1,1)", "y": [0.1, 1.0]}
    found = search(tmp_path, "grid", space, {}, trials=30)
    assert len(found) == 6
    assert len({tuple(trial.params.values()) for trial in found}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp"])
def test_one_that_learns_comes_closer_with_time(sampler: str, tmp_path: Path):
    found = search(tmp_path, sampler, NUMBERS, {}, trials=28)
    costs = [trial.values[0] for trial in found]
    assert np.median(costs[-10:]) < 0.5 * np.median(costs[:10])
    if sampler == "cmaes":  # its own state is in the storage: no draw but the first was at random
        assert all(any(key.startswith("cma:") for key in trial.system_attrs) for trial in found[1:])


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "qmc", "nsgaii", "nsgaiii"])
def test_several_metrics(sampler: str, tmp_path: Path):
    metrics = 4 if sampler == "nsgaiii" else 2
    found = search(tmp_path, sampler, MIXED, WHEN, trials=12, metrics=metrics)
    assert [len(trial.values) for trial in found] == [metrics] * 12


OPTIONS: dict[str, dict[str, Any]] = {
    "percentile": {"percentile": 30.0},
    "threshold": {"upper": 1.5},
    "patient": {"patience": 1},
    "successive_halving": {"min_resource": 1},
    "hyperband": {"max_resource": STEPS},
}
KEEP = ("none", "patient")  # every curve here comes down at every step


@pytest.mark.parametrize("name", PRUNERS)
def test_a_pruner_ends_what_is_bad_and_nothing_that_is_best(name: str, tmp_path: Path):
    pruner = make_pruner(name, {"name": name, **OPTIONS.get(name, {})})
    found = search(tmp_path, "random", NUMBERS, {}, trials=30, pruner=pruner)
    pruned = [trial for trial in found if trial.state is TrialState.PRUNED]
    done = [trial for trial in found if trial.state is TrialState.COMPLETE]
    assert len(pruned) + len(done) == 30
    assert bool(pruned) == (name not in KEEP)
    assert all(trial.user_attrs["reason"].startswith("pruned at evaluation ") for trial in pruned)
    if pruned:
        assert np.median([cost(t.params) for t in pruned]) > np.median([cost(t.params) for t in done])


def test_a_patient_pruner_ends_what_stays_worse_than_it_was(tmp_path: Path):
    pruner = make_pruner("patient", {"patience": 2})
    with Book(tmp_path, url_of(tmp_path), "s", directions=["minimize"], limit=1, pruner=pruner) as book:
        trial = book.take(Sampling("random", read_space(NUMBERS, {}), 1).at)
        assert trial is not None
        said = [book.report(trial, step, value) for step, value in enumerate((0.5, 0.6, 0.7, 0.6), 1)]
    assert said == [None, None, None, "pruned at evaluation 4, at 0.6, by Patient"]


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [("cmaes", "median"), ("gp", "hyperband"), ("qmc", "successive_halving"), ("tpe", "wilcoxon")],
)
def test_by_trainings(sampler: str, pruner: str, tmp_path: Path):
    shared = [word for word in TINY if not word.startswith("select=")]
    drawn = ["optimizer.lr=log(0.01,1)", "trainer.batch_size=int(16,64)"]
    words = [*shared, *drawn, f"sampler={sampler}", f"pruner={pruner}", "trials=6"]
    found = tune(*words, name="s", output=str(tmp_path), config_dir=str(USER_TREE), quiet=True)
    assert found is not None
    assert found.count("finished") + found.count("pruned") == 6
    assert found.row(found.best[0]).values[0] > 0.1, "better than guessing"
    assert len({tuple(row.params.values()) for row in found.rows}) == 6
