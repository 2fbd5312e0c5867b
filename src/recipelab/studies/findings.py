"""What the records of a study say, arm by arm, and what that proves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recipelab.statistics.factorial import Effect, effects
from recipelab.statistics.intervals import Interval
from recipelab.studies.claims import Held, held
from recipelab.studies.definition import Study
from recipelab.studies.findings_card import findings_html, findings_text
from recipelab.studies.lines import Line, table_lines
from recipelab.studies.measure import Measured, Readings
from recipelab.studies.plan import Plan

EXAMPLES = ("accuracy", "test")
"""The metric and split of which ledgers have the single examples."""


@dataclass(frozen=True, repr=False)
class Findings:
    """All that a study's records come to. missing: arms and seeds without a result. notes: what to know of them.

    levels: arm of a grid -> axis -> level.
    """

    metric: str
    split: str
    higher_is_better: bool
    baselines: Mapping[str, str]
    measured: tuple[Measured, ...]
    lines: tuple[Line, ...]
    effects: tuple[Effect, ...] = ()
    claims: tuple[Held, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return findings_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return findings_html(self)


def findings(
    study: Study,
    plan: Plan,
    folder: Path,
    *,
    metric: str,
    higher: Callable[[str], bool],
    baselines: Mapping[str, str],
    mixed: bool = False,
) -> Findings:
    """The table, the verdicts, the effects and the claims of a study.

    higher: whether more of a metric is better. mixed: compare what was executed differently.
    """
    readings = Readings(folder, plan)
    measured, missing = readings.measured(metric, study.split)
    notes = _notes(measured, mixed)
    refused = len({m.execution for m in measured}) > 1 and not mixed
    by_arm = readings.by_arm(metric, study.split)
    samples = readings.test_samples() if (metric, study.split) == EXAMPLES else {}
    lines = table_lines(study, by_arm, measured, baselines, higher(metric), refused, samples)
    return Findings(
        metric=metric,
        split=study.split,
        higher_is_better=higher(metric),
        baselines=baselines,
        measured=tuple(measured),
        lines=tuple(lines),
        effects=tuple(_effects(study, plan, measured)),
        claims=tuple(held(study, readings, metric, higher)) if not refused else (),
        missing=tuple(missing),
        notes=tuple(notes),
        levels={one.arm.name: dict(one.arm.levels) for one in plan.asked if one.arm.levels},
    )


def _notes(measured: Sequence[Measured], mixed: bool) -> list[str]:
    kinds = sorted({m.execution for m in measured})
    notes = []
    if len(kinds) > 1:
        so = "" if mixed else ", so verdicts are withheld (--mixed gives them)"
        notes.append(f"the runs were executed differently{so}: {'; '.join(kinds)}")
    if any(m.protocol == "test_as_val" for m in measured):
        notes.append("protocol test_as_val: selection saw the test split")
    return notes


def _effects(study: Study, plan: Plan, measured: Sequence[Measured]) -> list[Effect]:
    """Factorial effects of a grid of at least two axes, over the seeds that have every combination."""
    if len(study.grid) < 2 or study.arms:
        return []
    arms = {one.arm.name: one.arm for one in plan.asked}
    axes = {axis: list(dict.fromkeys(arm.levels[axis] for arm in arms.values())) for axis in study.grid}
    values = {(m.arm, m.seed): m.value for m in measured}
    seeds = [s for s in study.seeds if all((name, s) in values for name in arms)]
    if not seeds:
        return []
    shape = tuple(len(levels) for levels in axes.values())
    table = np.array([[values[name, s] for name in arms] for s in seeds]).reshape(len(seeds), *shape)
    return effects(table, list(axes.items()), study.confidence)


def plain(found: Findings, folder: Path) -> dict[str, Any]:
    """The findings as plain containers, for summary.json; records by their path within the study's folder."""
    return {
        "metric": found.metric,
        "split": found.split,
        "higher_is_better": found.higher_is_better,
        "baselines": dict(found.baselines),
        "levels": {arm: dict(levels) for arm, levels in found.levels.items()},
        "arms": [_plain_line(line) for line in found.lines],
        "runs": [
            {
                "arm": m.arm,
                "seed": m.seed,
                "value": m.value,
                "seconds": m.seconds,
                "record": str(m.record.relative_to(folder)),
                "checkpoint": m.checkpoint,
                "view": m.view,
            }
            for m in found.measured
        ],
        "effects": [{"terms": [list(t) for t in e.terms], **_plain_interval(e.size), "p": e.p} for e in found.effects],
        "claims": [{"says": c.says, "found": c.found, "p": c.p, "n": c.n} for c in found.claims],
        "missing": list(found.missing),
        "notes": list(found.notes),
    }


def _plain_interval(one: Interval) -> dict[str, Any]:
    return {"mean": one.mean, "low": one.low, "high": one.high, "std": one.std, "n": one.n, "interval": one.kind}


def _plain_line(line: Line) -> dict[str, Any]:
    node: dict[str, Any] = {"arm": line.arm, **_plain_interval(line.interval), "seconds": line.seconds}
    node |= {"best": line.best, "on_front": line.on_front}
    if line.examples is not None:
        node["over_examples"] = asdict(line.examples)
    if line.verdict is not None:
        v = line.verdict
        node["verdict"] = {
            "word": v.word,
            "difference": _plain_interval(v.comparison.difference),
            "p": v.p,
            "p_unadjusted": v.comparison.p,
            "p_sign_flip": v.comparison.p_sign,
            "p_sign_flip_smallest": v.comparison.p_smallest,
            "p_equivalent": v.p_equivalent,
            "margin": v.margin,
            "correlation": v.comparison.correlation,
            "seeds_needed": v.needed,
        }
    return node
