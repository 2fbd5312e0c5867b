"""Findings over records in memory: each metric is judged the way that is better for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from recipelab.studies.definition import Study
from recipelab.studies.findings import findings
from recipelab.studies.measure import Measured, Readings

VALUES = {
    "accuracy": {"a": [0.90, 0.91, 0.905], "b": [0.80, 0.812, 0.803]},
    "nll": {"a": [0.30, 0.31, 0.305], "b": [0.50, 0.512, 0.503]},
}


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
@pytest.mark.parametrize("by", [0.0, 0.05])
def test_a_claim_is_judged_by_its_own_metric(metric: str, by: float, monkeypatch: pytest.MonkeyPatch):
    def measured(self: Readings, name: str, split: str) -> tuple[list[Measured], list[str]]:
        made = [
            Measured(arm, seed, value, 1.0, Path(), "raw", "best", {}, "here", "val")
            for arm, values in VALUES[name].items()
            for seed, value in enumerate(values)
        ]
        return made, []

    monkeypatch.setattr(Readings, "measured", measured)
    claims = [
        {"arm": "a", "than": "b", "metric": metric, "by": by},
        {"arm": "b", "than": "a", "metric": metric, "by": by},
        {"arm": "b", "than": "a", "metric": metric, "by": by, "verdict": "worse"},
    ]
    study = Study(arms={"a": [], "b": []}, seeds=[0, 1, 2], claims=claims)
    asked = [
        SimpleNamespace(arm=SimpleNamespace(name=name, levels={}), seed=seed) for name in "ab" for seed in study.seeds
    ]
    plan = SimpleNamespace(asked=asked, trajectories=[])
    found = findings(
        study, plan, Path(), metric="accuracy", higher=lambda name: name != "nll", baselines={"a": "b", "b": "b"}
    )
    assert [held.found for held in found.claims] == ["holds", "fails", "holds"]
    assert [line.verdict and line.verdict.word for line in found.lines] == ["better", None]
