"""What the records of a study say, arm by arm, and what that proves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recipelab.records.record import Record
from recipelab.statistics.factorial import Effect, effects
from recipelab.statistics.intervals import Interval, mean_interval
from recipelab.statistics.paired import equivalence, holm
from recipelab.statistics.pareto import pareto_front
from recipelab.statistics.verdict import Verdict, exceeds, verdicts
from recipelab.studies.definition import CONTROL, Claim, Study, claims_of
from recipelab.studies.plan import Plan
from recipelab.studies.state import standing


@dataclass(frozen=True)
class Measured:
    """One arm with one seed, as its record has it. value: of the study's metric on its split."""

    arm: str
    seed: int
    value: float
    seconds: float | None
    record: Path
    view: str
    checkpoint: str
    metrics: Mapping[str, Mapping[str, Any]]
    execution: str
    protocol: str


@dataclass(frozen=True)
class Line:
    """An arm of the table. verdict: against the baseline; None for the baseline, or where verdicts were refused.

    on_front: whether no other arm is at least as good for less training time.
    """

    arm: str
    interval: Interval
    seconds: float | None
    verdict: Verdict | None
    best: bool = False
    on_front: bool = False


@dataclass(frozen=True)
class Held:
    """A claim against the records. found: holds, fails or unproven. p: of the test that decides, adjusted (Holm)."""

    claim: Claim
    says: str
    found: str
    p: float | None
    n: int


@dataclass(frozen=True)
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


def measure(folder: Path, plan: Plan, metric: str, split: str) -> tuple[list[Measured], list[str]]:
    """What is there of the metric, and (arm, seed) of what is not, in words."""
    found, missing = [], []
    for trajectory in plan.trajectories:
        path = standing(folder, trajectory).path
        result, execution = _read(path)
        for one in trajectory.serves:
            view = trajectory.view_of(one)
            metrics = {s: _at(result, s, one.checkpoint, view) for s in ("train", "val", "test")}
            value = metrics[split].get(metric)
            if path is None or not isinstance(value, int | float):
                missing.append(f"{one.arm.name}, seed {one.seed}")
                continue
            seconds = result.get("seconds")
            where = (path, view, one.checkpoint, metrics, execution, str(result.get("protocol")))
            found.append(Measured(one.arm.name, one.seed, float(value), seconds, *where))
    order = {(one.arm.name, one.seed): i for i, one in enumerate(plan.asked)}
    return sorted(found, key=lambda m: order[m.arm, m.seed]), missing


def _read(path: Path | None) -> tuple[dict[str, Any], str]:
    """result.json of a finished record, and in words what executed it; nothing of any other."""
    if path is None:
        return {}, ""
    record = Record.open(path)
    result = record.result()
    if result.get("status") != "finished":
        return {}, ""
    execution = record.environment().get("execution") or {}
    versions = ", ".join(f"{k} {v}" for k, v in (execution.get("versions") or {}).items())
    return result, f"{execution.get('device')}, {execution.get('threads')} threads, {versions}"


def _at(result: Mapping[str, Any], split: str, checkpoint: str, view: str) -> dict[str, Any]:
    there = result.get(split) or {}
    there = there.get(checkpoint) or there.get("last") or {}
    metrics = there.get(view) or {}
    return dict(metrics)


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
    measured, missing = measure(folder, plan, metric, study.split)
    notes = _notes(measured, mixed)
    refused = len({m.execution for m in measured}) > 1 and not mixed
    by_arm = _by_arm(plan, measured)
    lines = _lines(study, by_arm, measured, baselines, higher(metric), refused)
    return Findings(
        metric=metric,
        split=study.split,
        higher_is_better=higher(metric),
        baselines=baselines,
        measured=tuple(measured),
        lines=tuple(lines),
        effects=tuple(_effects(study, plan, measured)),
        claims=tuple(_claims(study, plan, folder, metric, higher)) if not refused else (),
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


def _by_arm(plan: Plan, measured: Sequence[Measured]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {one.arm.name: {} for one in plan.asked}
    for m in measured:
        found[m.arm][m.seed] = m.value
    return found


def paired(one: Mapping[int, float], other: Mapping[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values of two arms at the seeds that both have."""
    seeds = [seed for seed in one if seed in other]
    return np.array([one[s] for s in seeds]), np.array([other[s] for s in seeds])


def _lines(
    study: Study,
    by_arm: Mapping[str, Mapping[int, float]],
    measured: Sequence[Measured],
    baselines: Mapping[str, str],
    higher: bool,
    refused: bool,
) -> list[Line]:
    present = {name: values for name, values in by_arm.items() if values}
    seconds = {
        name: float(np.mean(spent))
        for name in present
        if (spent := [m.seconds for m in measured if m.arm == name and m.seconds is not None])
    }
    timed = [name for name in present if name in seconds]
    means = {name: float(np.mean(list(values.values()))) for name, values in present.items()}
    front = pareto_front(
        np.array([seconds[n] for n in timed]), np.array([means[n] for n in timed]), higher_is_better=higher
    )
    on_front = {timed[i] for i in front}
    found = {} if refused else _verdicts(study, present, baselines, higher)
    best = (max if higher else min)(means, key=lambda name: means[name], default=None)
    proven = best is not None and best in found and found[best].word == "better"
    return [
        Line(
            name,
            mean_interval(np.array(list(values.values())), study.confidence),
            seconds.get(name),
            found.get(name),
            best=proven and name == best,
            on_front=name in on_front,
        )
        for name, values in present.items()
    ]


def _verdicts(
    study: Study, present: Mapping[str, Mapping[int, float]], baselines: Mapping[str, str], higher: bool
) -> dict[str, Verdict]:
    """Each arm against its baseline, over the seeds that both have."""
    pairs = {
        name: paired(values, present[baselines[name]])
        for name, values in present.items()
        if baselines.get(name, name) != name and baselines[name] in present
    }
    there = {name: pair for name, pair in pairs.items() if len(pair[0])}
    return verdicts(there, higher_is_better=higher, margin=study.margin, confidence=study.confidence)


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


def _claims(study: Study, plan: Plan, folder: Path, metric: str, higher: Callable[[str], bool]) -> list[Held]:
    """Every claim, decided by one-sided tests at 1 - confidence over all claims together (Holm)."""
    alpha = 1 - study.confidence
    tested = []
    for claim in claims_of(study):
        name, split = claim.metric or metric, claim.split or study.split
        by_arm = _by_arm(plan, measure(folder, plan, name, split)[0])
        than = claim.than if claim.than != CONTROL or CONTROL in by_arm else next(iter(by_arm))
        arm, other = paired(by_arm[claim.arm], by_arm[than])  # both empty for a metric that was not measured
        tested.append((claim, than, name, split, len(arm), *_tests(claim, arm, other, study, higher(name))))
    holds = holm([one[5] for one in tested])
    fails = holm([one[6] for one in tested])
    found = []
    for (claim, than, name, split, n, *_), p, against in zip(tested, holds, fails, strict=True):
        word = "holds" if p is not None and p <= alpha else "unproven"
        if word == "unproven" and against is not None and against <= alpha:
            word, p = "fails", against
        more = f" by more than {claim.by:g}" if claim.by and claim.verdict != "equivalent" else ""
        relation = {"better": "beats", "worse": "is worse than", "equivalent": "is equivalent to"}[claim.verdict]
        says = claim.says or f"{claim.arm} {relation} {than}{more} in {split} {name}"
        says += "" if n else f" [no record has {split} {name} of both]"
        found.append(Held(claim, says, word, p, n))
    return found


def _tests(
    claim: Claim, arm: np.ndarray, other: np.ndarray, study: Study, higher: bool
) -> tuple[float | None, float | None]:
    """p of what the claim says, and p of its contrary."""
    if not len(arm):
        return None, None
    if claim.verdict == "equivalent":
        margin = claim.by or study.margin
        if not margin:
            return None, None
        beyond = [exceeds(arm, other, margin), exceeds(other, arm, margin)]
        least = None if None in beyond else min(1.0, 2 * min(p for p in beyond if p is not None))
        return equivalence(arm - other, margin), least
    if claim.verdict == "worse":
        arm, other = other, arm
    sign_less = exceeds(other, arm, -claim.by, higher_is_better=higher)
    return exceeds(arm, other, claim.by, higher_is_better=higher), sign_less


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
