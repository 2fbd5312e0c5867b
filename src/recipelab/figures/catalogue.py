"""The figures and tables that a study can ask for by name: what each shows, and its options.

A study's file lists them under `figures`: a name alone, or `{show: NAME, option: value}`. An option of the type `Axis`
names an axis of the study's grid; null leaves that property out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge

Axis = Annotated[str | None, "axis"]


@dataclass(frozen=True, kw_only=True)
class Arms:
    """Every run a dot, the mean of each arm with its interval."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The study's metric on validation data against the epoch; means over the seeds, bands from lowest to highest."""

    panel: Axis = None
    """A panel a level."""
    line: Axis = None
    """A line a level; the first is dashed and pale. Null: one an arm."""
    low: float | None = None
    """Where the upright axis begins, in the metric's unit; null: the data say."""
    high: float | None = None
    """Where it ends."""
    rates: bool = False
    """A last panel with the learning rates."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Losses, metrics, learning rate and seconds an epoch against the epoch, a line an arm."""

    best: bool = False
    """The best arm alone."""


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """The study's metric of every run against the values of an axis."""

    by: Axis
    """Axis of the grid."""
    colour: Axis = None
    """A colour a level."""
    shape: Axis = None
    """A shape a level, at most four."""
    upright: bool = False
    """The axis upwards, logarithmic if its levels are numbers; else the metric upwards, and the levels in columns."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """The study's metric against training minutes, with the Pareto front of the arms."""

    colour: Axis = None
    """A colour a level."""
    shape: Axis = None
    """A shape a level, at most four."""


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Box plots of the runs of each level with the baseline's mean, and the effect of each, paired by seed."""

    rows: Axis
    """A row a level, without the baseline's."""
    colour: Axis = None
    """A box a level in every row."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Main effects of a grid with their intervals."""

    interactions: bool = False
    """Two-way interactions too."""


@dataclass(frozen=True, kw_only=True)
class Decays:
    """The study's metric against the half-life of the averages that the runs carry."""


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """Parallel coordinates of all that differs between the recipes, against the metric."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Time, memory and power of each arm."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """Watts over the time of the best run."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What ledgers say of the first seed of some arms: stability, misclassification, barcodes."""

    shows: Literal["stability", "misclassification", "barcodes"] = "stability"
    """Which of them."""
    arm: str | None = None
    """Whose run; null: the first arm's."""
    views: list[str] = field(default_factory=list)
    """Of its views; none: all."""
    since: Annotated[float, Ge(0)] = 0.5
    """Share of the training from which on misclassifications are counted."""


@dataclass(frozen=True, kw_only=True)
class Distances:
    """How far averages are from the raw weights, a line an arm that has one."""


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """A table of the study's metric: a row a level of one axis, a column a level of another."""

    rows: Axis
    columns: Axis
    splits: list[Literal["train", "val", "test"]] = field(default_factory=list)
    """Columns are split up by these; none: the study's own split."""
    increase: bool = False
    """A last column: how much the last level of the columns is above the first, relative, on the last split."""


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """A table of every arm: what its recipe says, and what came of it."""

    keys: list[str] = field(default_factory=list)
    """Keys of the recipe; none: those that differ."""


CATALOGUE: dict[str, type] = {
    "arms": Arms, "curves": Curves, "training": Training, "scatter": Scatter, "time": Time, "boxes": Boxes,
    "effects": Effects, "decays": Decays, "parallel": Parallel, "resources": Resources, "power": Power,
    "ledger": Ledger, "distances": Distances, "pivot": Pivot, "recipes": Recipes,
}  # fmt: skip
AXES = ("panel", "line", "by", "colour", "shape", "rows", "columns")  # options that name an axis of a grid
