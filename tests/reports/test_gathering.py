"""What is gathered for a report, and what is said of what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_records import make_run, make_study
from recipelab.core.errors import UserError
from recipelab.reports.gathering import gather


def test_a_study_with_the_run_behind_each_reading(tmp_path: Path):
    found = gather([make_study(tmp_path / "s", {"a": [0.8, 0.81], "b": [0.9, 0.91]})])
    (study,) = found.studies
    assert found.title == study.title == "Which is better?"
    assert [(one.arm, one.seed, one.value, one.run.name) for one in study.readings] == [
        ("a", 0, 0.8, "runs/0-0"),
        ("a", 1, 0.81, "runs/0-1"),
        ("b", 0, 0.9, "runs/1-0"),
        ("b", 1, 0.91, "runs/1-1"),
    ]
    assert [run.result["seed"] for run in found.runs] == [0, 1, 0, 1]


def test_runs_named_twice_or_alike_are_told_apart_and_taken_once(tmp_path: Path):
    first, second = make_run(tmp_path / "x" / "runs" / "r"), make_run(tmp_path / "y" / "runs" / "r")
    found = gather([first.parent, second.parent, first.parent, first])
    assert [run.name for run in found.runs] == ["runs/r", "runs/r (2)"]
    assert [run.path for run in found.runs] == [first, second]


def test_a_record_that_cannot_be_read_is_said_and_left_out(tmp_path: Path):
    study = make_study(tmp_path / "s", {"a": [0.8, 0.81], "b": [0.9, 0.91]})
    (study / "runs/1-1/result.json").write_text("{")
    found = gather([study])
    assert [one.name for one in found.unreadable] == ["runs/1-1"]
    assert found.unreadable[0].reason.startswith("result.json cannot be read")
    assert found.studies[0].lost == ("runs/1-1",)
    assert len(found.runs) == 3


def test_a_file_that_is_missing_or_damaged_is_a_problem_of_its_run_alone(tmp_path: Path):
    folder = make_run(tmp_path / "r")
    (folder / "config.yaml").unlink()
    (folder / "metrics.csv").write_text("nonsense\n")
    (run,) = gather([folder]).runs
    assert (run.config, run.rows) == ({}, [])
    assert run.environment["python"] == "3.11.7"
    assert len(run.problems) == 2
    assert "config.yaml is missing" in run.problems[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("arms"), "arms"),
        (lambda s: s["arms"][0].update(mean="much"), "arms.0.mean"),
        (lambda s: s["runs"][0].update(value=None), "runs.0.value"),
        (lambda s: s.update(claims=7), "claims"),
    ],
)
def test_a_summary_that_no_study_writes_is_refused_by_its_key(tmp_path: Path, change, said: str):
    folder = make_study(tmp_path / "s", {"a": [0.8], "b": [0.9]})
    summary = json.loads((folder / "summary.json").read_text())
    change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(UserError, match=rf"summary.json is not what .* writes: {said}"):
        gather([folder])


def test_places_without_a_record_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist"):
        gather([tmp_path / "none"])
    with pytest.raises(UserError, match="holds no run record"):
        gather([tmp_path])
