"""The table of a study: a line an arm, with its verdict and how it compares example by example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipelab.statistics.agreement import Correct
from recipelab.statistics.examples import OverExamples, over_examples
from recipelab.statistics.intervals import Interval, mean_interval
from recipelab.statistics.pareto import pareto_front
from recipelab.statistics.verdict import Verdict, verdicts
from recipelab.studies.definition import Study
from recipelab.studies.measure import Measured, paired

Samples = Mapping[str, Mapping[int, tuple[str, Correct]]]


@dataclass(frozen=True)
class Line:
    """An arm of the table. verdict: against the baseline; None for the baseline, or where verdicts were refused.

    on_front: whether no other arm is at least as good for less training time. examples: against the baseline, over
    seeds and test examples; None where ledgers do not have it.
    """

    arm: str
    interval: Interval
    seconds: float | None
    verdict: Verdict | None
    best: bool = False
    on_front: bool = False
    examples: OverExamples | None = None


def table_lines(
    study: Study,
    by_arm: Mapping[str, Mapping[int, float]],
    measured: Sequence[Measured],
    baselines: Mapping[str, str],
    higher: bool,
    refused: bool,
    samples: Samples,
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
            examples=None if refused else _examples(samples, name, baselines.get(name, name), study.confidence),
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


def _examples(samples: Samples, arm: str, baseline: str, confidence: float) -> OverExamples | None:
    """An arm against its baseline, over the seeds of which both have the same test examples."""
    one, other = samples.get(arm, {}), samples.get(baseline, {})
    seeds = [seed for seed in one if seed in other and arm != baseline]
    splits = {side[seed][0] for side in (one, other) for seed in seeds}
    if len(splits) != 1:  # none, or splits that are not the same
        return None
    return over_examples([one[s][1] for s in seeds], [other[s][1] for s in seeds], confidence)
