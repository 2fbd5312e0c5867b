"""A study as its file says it: a control, what is changed in it, the seeds, and what is to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from recipelab.config.schema import MAX_SEED
from recipelab.config.signature import fill, schema_of
from recipelab.core.errors import UserError, did_you_mean

CONTROL = "control"
Words = list[str]
Seed = Annotated[int, Ge(0), Le(MAX_SEED)]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A study in another size: further overrides, fewer seeds, another length of its axes."""

    control: Words = field(default_factory=list)
    """Overrides after those of the arm, so that they win."""
    seeds: list[Seed] | None = None
    """Seeds instead of the study's own."""
    grid: dict[str, Any] = field(default_factory=dict)
    """Axes instead of those of the same name."""
    arms: dict[str, Words] = field(default_factory=dict)
    """Arms instead of those of the same name."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that every run of the study holds against its records."""

    says: str = ""
    """The sentence; made of the rest when not given."""
    arm: str
    """The arm it is about."""
    than: str = CONTROL
    """The arm that it is compared with."""
    verdict: Literal["better", "worse", "equivalent"] = "better"
    """What it says of the arm, in the study's metric."""
    by: Annotated[float, Ge(0)] = 0.0
    """By more than this, in the metric's units; under `equivalent` the margin, where 0 is the study's own."""
    metric: str | None = None
    """Metric; null: the study's own."""
    split: Literal["train", "val", "test"] | None = None
    """Split; null: the study's own."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """The keys of a study file.

    Every override is a word of `recipelab train`. An arm's recipe is: the control's words, its axes' (grid) or its own
    (arms), those of `when` that its recipe meets, those of the scale, those of the command line; the last one wins.
    """

    question: str = ""
    """What the study is to answer; the title of its report."""
    control: Words = field(default_factory=list)
    """Overrides that all arms share. Without a grid it is itself an arm, of the name `control`, unless it is empty."""
    arms: dict[str, Words] = field(default_factory=dict)
    """Name of an arm -> what it changes in the control."""
    grid: dict[str, Any] = field(default_factory=dict)
    """Axis -> its levels: values of the key of that name, or level -> overrides. Every combination is an arm."""
    when: dict[str, Words] = field(default_factory=dict)
    """Word of an arm, such as model=resnet50 -> overrides that it brings with it, before the arm's own."""
    baseline: str | dict[str, str] | None = None
    """The arm that others are compared with; null: the first. Of a grid also axis: level, and each arm is compared with
    the one that has this level and is otherwise its own: {technique: none}."""
    seeds: Annotated[list[Seed], MinLen(1)] = field(default_factory=lambda: [0, 1, 2])
    """One training of every arm a seed; comparisons are paired by it."""
    metric: str = "auto"
    """What is compared; auto: accuracy, under regression mae."""
    split: Literal["train", "val", "test"] = "test"
    """The split it is measured on."""
    margin: Annotated[float, Gt(0)] | None = None
    """Differences within it are equivalent, in the metric's units; null: equivalence is not tested."""
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Of the intervals; verdicts are given at 1 - confidence, over all comparisons together."""
    claims: list[dict[str, Any]] = field(default_factory=list)
    """Sentences to hold against the records: arm, than, verdict (better, worse, equivalent), by."""
    figures: list[Any] = field(default_factory=list)
    """Figures and tables of its report: names, or {show: NAME, option: value}; none: those that fit the study."""
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name (tiny, paper) -> control, seeds, grid, arms of the study in that size."""
    scale: str | None = None
    """The size it is run in; null: as written."""


def read_study(node: Mapping[str, Any], overrides: Sequence[str] = ()) -> tuple[Study, tuple[str, ...]]:
    """The study that a file's content describes, and the overrides that are for its arms.

    overrides: words of the command line. `study.KEY=VALUE`, `scale=NAME` and `seeds=[...]` change the study; the rest
    goes to every arm. Raises UserError naming the key and the nearest valid name.
    """
    import yaml

    values, words = dict(node), []
    known = schema_of(Study)
    for word in overrides:
        key, _, value = word.partition("=")
        name = key.removeprefix("study.")
        if key.startswith("study.") or key in ("scale", "seeds"):
            values[name] = yaml.safe_load(value)
        else:
            words.append(word)
    study = Study(**fill("study", values, known))
    for claim in study.claims:
        Claim(**fill("study.claims", claim, schema_of(Claim)))
    for name, axis in study.grid.items():
        _check_axis(name, axis)
    return _scaled(study), tuple(words)


def _check_axis(name: str, axis: Any) -> None:
    levels = list(axis.values()) if isinstance(axis, dict) else []
    fine = (
        isinstance(axis, list)
        or bool(levels)
        and all(isinstance(v, list) and all(isinstance(w, str) for w in v) for v in levels)
    )
    if not fine or not axis:
        raise UserError(
            f"study.grid.{name}={axis!r}: values of a key are expected, such as [0.1, 0.05], or level names with a"
            " list of overrides each"
        )


def _scaled(study: Study) -> Study:
    """The study in the size that its `scale` names. Raises UserError for a size that it has not."""
    if study.scale is None:
        return study
    if study.scale not in study.scales:
        sizes = ", ".join(study.scales) or "it has none"
        raise UserError(
            f"scale={study.scale}: the study has no such size{did_you_mean(study.scale, study.scales)}"
            f"\n  sizes: {sizes}"
        )
    scale = Scale(**fill(f"study.scales.{study.scale}", study.scales[study.scale], schema_of(Scale)))
    for kind in ("grid", "arms"):
        own = getattr(study, kind)
        for name in getattr(scale, kind):
            if name not in own:
                raise UserError(
                    f"study.scales.{study.scale}.{kind}.{name}: the study has none of that name"
                    f"{did_you_mean(name, own)}"
                )
    for name, axis in scale.grid.items():
        _check_axis(name, axis)
    return replace(
        study,
        seeds=study.seeds if scale.seeds is None else scale.seeds,
        grid={**study.grid, **scale.grid},
        arms={**study.arms, **scale.arms},
    )


def scale_words(study: Study) -> list[str]:
    """The overrides that the study's size adds to every arm."""
    return list(study.scales[study.scale].get("control", [])) if study.scale else []


def claims_of(study: Study) -> list[Claim]:
    """The study's claims, checked."""
    return [Claim(**fill("study.claims", node, schema_of(Claim))) for node in study.claims]
