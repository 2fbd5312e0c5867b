"""A search as its file says it: what all trials share, what is drawn, what is better, and when it is enough."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge

from recipelab.config.signature import fill, schema_of
from recipelab.core.errors import UserError
from recipelab.tuning.objective import COSTS
from recipelab.tuning.space import Param, is_drawn, read_space

BARE = ("trials", "timeout", "sampler", "pruner")
"""Keys of a search that the command line takes without `search.`; no recipe has them."""
# What a search says of every trial in its own words, and what a trial cannot do.
SAID = {
    "lockbox": "the test split stays closed, and is opened for the winner",
    "output": "give the search's folder by --output DIR",
    "select": "search.at=final|best says which evaluation counts",
    "select_view": "give search.view=NAME",
    "select_metric": "give search.metric=NAME",
    "trainer.resume": "the same command goes on with a search",
}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, kw_only=True)
class Search:
    """The keys of a search file.

    Every override is a word of `recipelab train`. A trial's recipe is: control, what is drawn, the words of the command
    line; the last one wins, and a key that the command line gives one value is not drawn.
    """

    question: str = ""
    """What the search is to find; the title of its table."""
    control: list[str] = field(default_factory=list)
    """Overrides that all trials share."""
    space: dict[str, Any] = field(default_factory=dict)
    """Key -> how its value is drawn: uniform(0,1), log(0.01,1), int(1,8), a list, or {level: overrides}."""
    when: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Word of a trial, such as mix=mixup -> what is drawn only in trials that have it."""
    metric: str | list[str] = "auto"
    """What is optimised; auto: accuracy, under regression mae. A list optimises several: [accuracy, seconds]."""
    view: str = "raw"
    """The weights that are measured: raw, or an average such as ema_0.9995, whose curve is less noisy."""
    at: Literal["final", "best"] = "final"
    """The last evaluation of a trial counts, or its best one."""
    trials: Annotated[int, Ge(1)] = 30
    """Trials in all, over every command and process that works on the search; a repeated one is no further trial."""
    timeout: str | None = None
    """No trial is started after this time of one command: 45min, 8h; null: no limit."""
    sampler: str | dict[str, Any] = "tpe"
    """Optuna's sampler: tpe, random, grid, cmaes, gp, qmc, nsgaii, nsgaiii; {name: tpe, seed: 1} gives options."""
    pruner: str | dict[str, Any] = "auto"
    """Optuna's pruner: median, percentile, hyperband, successive_halving, threshold, patient, wilcoxon, none;
    auto: median, and none for several metrics."""
    importance: Literal["ped_anova", "fanova", "mdi"] = "ped_anova"
    """How the importance of a parameter is estimated."""

    @property
    def metrics(self) -> list[str]:
        """The metric, or all of several."""
        return [self.metric] if isinstance(self.metric, str) else list(self.metric)


@dataclass(frozen=True)
class Asked:
    """A search with its space read. fixed: overrides of the command line, for every trial."""

    search: Search
    params: tuple[Param, ...]
    fixed: tuple[str, ...]

    def identity(self) -> dict[str, Any]:
        """What may not change while a search goes on: which trials there can be, and what makes one better."""
        s = self.search
        space = {p.name: repr(p.distribution) + (f" if {p.when}" if p.when else "") for p in self.params}
        words = {p.name: [list(w) for w in p.levels.values()] for p in self.params if p.levels is not None}
        return {
            "control": s.control,
            "overrides": list(self.fixed),
            "space": space,
            "levels": words,
            "metric": s.metrics,
            "view": s.view,
            "at": s.at,
        }


def read_search(node: Mapping[str, Any], overrides: Sequence[str] = ()) -> Asked:
    """The search that a file's content and the words of a command describe.

    `search.KEY=VALUE`, and trials, timeout, sampler and pruner with their options, change the search; a key with
    several values joins the space, or takes its place there; every other word goes to all trials. Raises UserError.
    """
    values = dict(node)
    space = dict(_mapping("space", values.get("space")))
    when = {word: dict(_mapping(f"when.{word}", inner)) for word, inner in _mapping("when", values.get("when")).items()}
    fixed: list[str] = []
    for word in overrides:
        key, equals, value = word.partition("=")
        name = key.removeprefix("search.")
        if not equals:
            raise UserError(f"{word!r} is neither a search nor an override: a search is named first, then KEY=VALUE")
        if key.startswith("search.") or name.split(".")[0] in BARE:
            _set(values, name, value)
            continue
        space.pop(key, None)
        for inner in when.values():
            inner.pop(key, None)
        if is_drawn(value):
            space[key] = value
        else:
            fixed.append(word)
    when = {word: inner for word, inner in when.items() if inner}
    values = {**values, "space": space, "when": when}
    if values.get("timeout") is not None:  # yaml reads 8 as a number, which `seconds` refuses by its missing unit
        values["timeout"] = str(values["timeout"])
    search = Search(**fill("search", values, schema_of(Search)))
    _refuse_said([*search.control, *fixed, *space])
    _refuse_seeds(search)
    _check_metrics(search)
    seconds(search.timeout)
    return Asked(search, read_space(search.space, search.when), tuple(fixed))


def _mapping(key: str, node: Any) -> Mapping[str, Any]:
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        raise UserError(f"search.{key}={node!r}: keys and values are expected")
    return node


def _set(values: dict[str, Any], name: str, text: str) -> None:
    """One key of a search from the command line; `sampler.seed` is an option of the sampler."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"search.{name}={text}: this cannot be read") from None
    head, _, option = name.partition(".")
    if option and head in ("sampler", "pruner"):
        before = values.get(head, "tpe" if head == "sampler" else "auto")
        before = {"name": before} if isinstance(before, str) else before
        values[head] = {**before, option: value}
    elif head in ("sampler", "pruner") and isinstance(value, str) and isinstance(values.get(head), dict):
        values[head] = {"name": value} if values[head].get("name") != value else values[head]
    else:
        values[name] = value


def _refuse_said(words: Sequence[str]) -> None:
    for word in words:
        key = word.partition("=")[0].lstrip("+~")
        if key in SAID:
            raise UserError(f"{word} cannot be said of the trials of a search: {SAID[key]}")
        if word == "data.fold=all":
            raise UserError("data.fold=all is several runs, and a trial is one\n  fix: data.fold=0")
        if key == "search":
            raise UserError(f"{word}: a search is named first, recipelab tune {word.partition('=')[2] or 'NAME'} ...")


def _refuse_seeds(search: Search) -> None:
    if any("seed" in drawn for drawn in (search.space, *search.when.values())):
        raise UserError(
            "search.space.seed: the best of several seeds is the luckiest, and no better recipe"
            "\n  fix: seed=0, for all trials; a study compares recipes over seeds: recipelab study"
        )


def _check_metrics(search: Search) -> None:
    if not search.metrics or len(set(search.metrics)) < len(search.metrics):
        raise UserError(f"search.metric={search.metric}: one metric, or several that differ, are expected")
    if all(name in COSTS for name in search.metrics):
        raise UserError(f"search.metric={search.metric}: the cheapest training is none; give a metric of quality too")
    if len(search.metrics) > 1 and pruner_name(search) != "none":
        raise UserError(
            f"pruner={pruner_name(search)} cannot go with several metrics: a trial that is bad in one may be good in"
            " another\n  fix: pruner=none"
        )


def pruner_name(search: Search) -> str:
    """The pruner's name, auto resolved."""
    name = search.pruner if isinstance(search.pruner, str) else str(search.pruner.get("name", "auto"))
    if name == "auto":
        return "median" if len(search.metrics) == 1 else "none"
    return name


def seconds(text: str | None) -> float | None:
    """A time such as 90s, 45min, 8h, 2d in seconds. Raises UserError."""
    if text is None:
        return None
    found = _TIME.fullmatch(text.strip())
    if not found or float(found[1]) <= 0:
        raise UserError(f"search.timeout={text}: a time with its unit is expected, such as 90s, 45min, 8h or 2d")
    return float(found[1]) * _SECONDS[found[2]]
