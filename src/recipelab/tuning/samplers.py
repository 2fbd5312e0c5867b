"""Optuna's samplers by name: what proposes the next trial. Each function's signature is the sampler's options.

A sampler is made anew for every trial, seeded by (seed, trials so far): a search that was stopped and gone on with
proposes what it would have proposed undisturbed, and processes that share one do not propose the same twice. What
Optuna's samplers know of earlier trials they read from the storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from optuna import samplers
from optuna.samplers import BaseSampler

from recipelab.config.signature import fill, schema_of
from recipelab.core.errors import UserError, did_you_mean
from recipelab.tuning.space import Param

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Le(1)]
Maker = Callable[[int], BaseSampler]
"""Seed of one trial -> sampler."""


def tpe(
    *,
    n_startup_trials: Annotated[int, Ge(0)] = 10,
    n_ei_candidates: Count = 24,
    multivariate: bool = True,
    group: bool = False,
    constant_liar: bool = True,
) -> Maker:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; multivariate: Falkner et al. 2018); Optuna's default."""
    return lambda seed: samplers.TPESampler(
        n_startup_trials=n_startup_trials,
        n_ei_candidates=n_ei_candidates,
        multivariate=multivariate,
        group=group,
        constant_liar=constant_liar,
        warn_independent_sampling=False,
        seed=seed,
    )


def random() -> Maker:
    """Independent draws (Bergstra and Bengio 2012)."""
    return lambda seed: samplers.RandomSampler(seed=seed)


def cmaes(
    *,
    n_startup_trials: Count = 1,
    sigma0: Annotated[float, Gt(0)] | None = None,
    popsize: Count | None = None,
    with_margin: bool = False,
    consider_pruned_trials: bool = False,
) -> Maker:
    """CMA-ES (Hansen 2016), for numbers; choices are drawn at random. Needs the package cmaes."""
    try:
        import cmaes as _  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            "sampler=cmaes needs the package cmaes, which is not installed"
            "\n  fix: pip install cmaes, or 'recipelab[cmaes]'; sampler=tpe needs nothing"
        ) from None
    return lambda seed: samplers.CmaEsSampler(
        n_startup_trials=n_startup_trials,
        sigma0=sigma0,
        popsize=popsize,
        with_margin=with_margin,
        consider_pruned_trials=consider_pruned_trials,
        warn_independent_sampling=False,
        seed=seed,
    )


def gp(*, n_startup_trials: Annotated[int, Ge(0)] = 10, deterministic_objective: bool = False) -> Maker:
    """Gaussian process with expected improvement in the logarithm (Ament et al. 2023)."""
    return lambda seed: samplers.GPSampler(
        n_startup_trials=n_startup_trials,
        deterministic_objective=deterministic_objective,
        warn_independent_sampling=False,
        seed=seed,
    )


def qmc(*, scramble: bool = True) -> Maker:
    """Quasi-random points (Sobol), which fill the space more evenly than random ones."""
    # One sequence for all trials, so it is seeded alike for all; its position is in the storage.
    return lambda seed: samplers.QMCSampler(
        scramble=scramble, seed=0, warn_asynchronous_seeding=False, warn_independent_sampling=False
    )


def nsgaii(
    *,
    population_size: Annotated[int, Ge(2)] = 50,
    mutation_prob: Share | None = None,
    crossover_prob: Share = 0.9,
    swapping_prob: Share = 0.5,
) -> Maker:
    """NSGA-II (Deb et al. 2002), a genetic algorithm for several metrics."""
    return lambda seed: samplers.NSGAIISampler(
        population_size=population_size,
        mutation_prob=mutation_prob,
        crossover_prob=crossover_prob,
        swapping_prob=swapping_prob,
        seed=seed,
    )


def nsgaiii(
    *,
    population_size: Annotated[int, Ge(2)] = 50,
    mutation_prob: Share | None = None,
    crossover_prob: Share = 0.9,
    swapping_prob: Share = 0.5,
    dividing_parameter: Count = 3,
) -> Maker:
    """NSGA-III (Deb and Jain 2014), for more than three metrics."""
    return lambda seed: samplers.NSGAIIISampler(
        population_size=population_size,
        mutation_prob=mutation_prob,
        crossover_prob=crossover_prob,
        swapping_prob=swapping_prob,
        dividing_parameter=dividing_parameter,
        seed=seed,
    )


SAMPLERS: dict[str, Callable[..., Maker]] = {
    "tpe": tpe,
    "random": random,
    "cmaes": cmaes,
    "gp": gp,
    "qmc": qmc,
    "nsgaii": nsgaii,
    "nsgaiii": nsgaiii,
}
GRID = "grid"
ONE_METRIC = ("cmaes",)


class Sampling:
    """The sampler of a search, as its key `sampler` says it.

    limit: trials that there are to make, of a grid its size; None without bound. Raises UserError.
    """

    def __init__(self, node: str | Mapping[str, Any], params: Sequence[Param], metrics: int) -> None:
        options = {"name": node} if isinstance(node, str) else dict(node)
        self.name = str(options.pop("name", "tpe"))
        seed: Any = options.pop("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise UserError(f"sampler.seed={seed}: a whole number of at least 0 is expected")
        self.seed = seed
        self.limit: int | None = None
        if self.name == GRID:
            fill("sampler", options, schema_of(random), what=GRID)
            self._make = self._grid(params)
            return
        if self.name not in SAMPLERS:
            known = (*SAMPLERS, GRID)
            hint = did_you_mean(self.name, known)
            raise UserError(f"sampler={self.name}: there is no such{hint}\n  samplers: {', '.join(known)}")
        if self.name in ONE_METRIC and metrics > 1:
            raise UserError(f"sampler={self.name} optimises one metric; several: sampler=tpe, or sampler=nsgaii")
        make = SAMPLERS[self.name]
        self._make = make(**fill("sampler", options, schema_of(make), what=self.name))

    def _grid(self, params: Sequence[Param]) -> Maker:
        if any(param.when for param in params):
            raise UserError("sampler=grid: a grid has no parameters that only some of its points have (search.when)")
        space = {param.name: param.grid() for param in params}
        self.limit = int(np.prod([len(values) for values in space.values()]))
        return lambda seed: samplers.GridSampler(space, seed=self.seed)  # one order, of which each trial takes a point

    def at(self, *entropy: int) -> BaseSampler:
        """The sampler of one trial. entropy: what tells it from the others, such as how many were before it."""
        return self._make(int(np.random.SeedSequence([self.seed, *entropy]).generate_state(1)[0]))
