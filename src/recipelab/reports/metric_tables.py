"""Every metric that was measured, arm by arm, from the records themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recipelab.core.plain import at
from recipelab.metrics.directions import higher_is_better
from recipelab.reports.material import OneRun, Reading
from recipelab.reports.parts import Cell, Column, Table
from recipelab.reports.units import numbers_in, unit
from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import Verdict, verdicts

SPLITS = ("train", "val", "test")
Values = Mapping[str, Mapping[int, float]]
"""Arm -> seed -> value."""


def metrics_of(run: OneRun, split: str, checkpoint: str, view: str) -> dict[str, float]:
    """The single numbers that a run's result has there; of a checkpoint that it lacks, the last one's."""
    there = at(run.result, split, checkpoint) or at(run.result, split, "last")
    return numbers_in(at(there, view))


def measured(readings: Sequence[Reading]) -> dict[tuple[str, str], dict[str, dict[int, float]]]:
    """(split, metric) -> arm -> seed -> value, in the order in which the records have them."""
    found: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for split in reversed(SPLITS):
        for one in readings:
            for metric, value in metrics_of(one.run, split, one.checkpoint, one.view).items():
                found.setdefault((split, metric), {}).setdefault(one.arm, {})[one.seed] = value
    return found


def metrics_table(
    readings: Sequence[Reading],
    baselines: Mapping[str, str],
    confidence: float,
    links: Mapping[str, str],
    warnings: Sequence[str],
    *,
    withheld: bool,
) -> Table | None:
    """Mean and interval of every metric an arm; None where the records have none.

    baselines: arm -> the arm it is compared with. links: of arms. withheld: nothing is called best.
    """
    found = measured(readings)
    arms = list(dict.fromkeys(one.arm for one in readings))
    if not found:
        return None
    columns, rows = [Column("arm")], [[Cell(arm, (arm,), links.get(arm, ""))] for arm in arms]
    for (split, metric), values in found.items():
        name = f"{split} {metric}"
        ends = (f"{name} mean", f"{name} low", f"{name} high", f"{name} n", f"{name} p")
        columns.append(Column(unit(metric).heading(name), True, ends))
        up = higher_is_better(metric)
        said = {} if withheld or up is None else compared(values, baselines, confidence, up=up)
        best = (max if up else min)(values, key=lambda arm, v=values: float(np.mean(list(v[arm].values()))))  # type: ignore[misc]
        for arm, row in zip(arms, rows, strict=True):
            proven = arm == best and arm in said and said[arm].word == "better"
            row.append(_cell(metric, values.get(arm, {}), said.get(arm), confidence, links.get(arm, ""), strong=proven))
    caption = (
        f"Mean and {100 * confidence:g} % interval over the seeds, of the checkpoint and weights that each arm is read"
        " from. Bold: the best, where it is proven better than its baseline (paired t test, Holm's correction over the"
        " arms, each metric by itself)."
    )
    return Table("metrics", "Every metric", columns, rows, caption, warnings)


def compared(values: Values, baselines: Mapping[str, str], confidence: float, *, up: bool) -> dict[str, Verdict]:
    """Each arm against its baseline, over the seeds that both have."""
    pairs = {}
    for arm, own in values.items():
        base = values.get(baselines.get(arm, arm), {}) if baselines.get(arm, arm) != arm else {}
        seeds = [seed for seed in own if seed in base]
        if seeds:
            pairs[arm] = (np.array([own[s] for s in seeds]), np.array([base[s] for s in seeds]))
    return verdicts(pairs, higher_is_better=up, confidence=confidence)


def _cell(
    metric: str, values: Mapping[int, float], said: Verdict | None, confidence: float, link: str, *, strong: bool
) -> Cell:
    if not values:
        return Cell("", (None,) * 5)
    one, show = mean_interval(np.array(list(values.values())), confidence), unit(metric)
    text = f"{show.text(one.mean)} {show.ends(one.low, one.high)}".strip()
    p = said.p if said else None
    hint = f"n = {one.n}" + ("" if p is None else f", p {p:.3g} against its baseline")
    return Cell(text, (one.mean, one.low, one.high, one.n, p), link, strong, hint=hint)
