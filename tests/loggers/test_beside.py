"""What a run is one of is told by where its record is, and nothing else is taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipelab.loggers.beside import Whole, whole_of


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder that is a study, a search and a cross-validation."""
    trainings = {"trainings": {"0123": {"arms": ["control", "ema"], "seed": 1}}}
    for name, text in (("study.json", json.dumps(trainings)), ("search.yaml", ""), ("cross_validation.json", "{}")):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_training_of_a_study(top: Path):
    found = whole_of(top / "runs" / "0123" / "record", {})
    assert found == Whole("study", top.name, "control, ema", {"name": top.name, "arms": "control, ema"})


def test_a_trial_of_a_search(top: Path):
    found = whole_of(top / "trials" / "0012" / "record", {"data": {"fold": None}})
    assert found == Whole("search", top.name, "trial", {"name": top.name, "trial": 12})


def test_a_fold_of_a_cross_validation(top: Path):
    found = whole_of(top / "record", {"data": {"fold": 0}})
    assert found == Whole("cross_validation", top.name, "fold", {"name": top.name, "fold": 0})


@pytest.mark.parametrize(
    ("place", "fold"),
    [("runs/4567/record", None), ("trials/best/record", None), ("record", None), ("other/0012/record", 0)],
)
def test_another_run_is_one_of_nothing(top: Path, place: str, fold: int | None):
    assert whole_of(top / place, {"data": {"fold": fold}}) is None


def test_a_name_alone_makes_no_search(tmp_path: Path):
    assert whole_of(tmp_path / "trials" / "0001" / "record", {}) is None
