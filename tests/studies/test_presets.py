"""Every study that comes with the package, in each of its sizes: each level of each axis makes a sound recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from recipelab.commands.ask import Ask
from recipelab.commands.study_plan import Planner
from recipelab.config.tree import packaged_tree
from recipelab.studies.arms import Arm, arms_of
from recipelab.studies.definition import read_study

FILES = sorted((packaged_tree() / "study").glob("*.yaml"))
SIZES = [(path, size) for path in FILES for size in yaml.safe_load(path.read_text())["scales"]]


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def covering(arms: list[Arm]) -> list[Arm]:
    """As few arms as have every level between them, as far as taking the next that has a new one goes."""
    seen: set[tuple[str, str]] = set()
    chosen = []
    for arm in sorted(arms, key=lambda arm: -len(set(arm.levels.items()))):
        new = set(arm.levels.items()) - seen
        if new or not arm.levels:
            chosen.append(arm)
            seen |= new
    return chosen


@pytest.mark.parametrize(("path", "size"), SIZES, ids=[f"{path.stem}-{size}" for path, size in SIZES])
def test_every_level_makes_a_sound_recipe(path: Path, size: str):
    study, words = read_study(content(path), [f"scale={size}"])
    for arm in covering(arms_of(study, words)):
        recipe = Ask(arm.words).recipe()
        assert recipe.run.select_view == "raw" or recipe.averaging is not None


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_it_says_what_it_is_and_asks_something(path: Path):
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert content(path)["question"].endswith("?")
    assert {"paper", "tiny"} <= content(path)["scales"].keys()


def test_the_schedules_and_averages_take_fifteen_trainings_or_less():
    study, words = read_study(content(packaged_tree() / "study" / "ema_schedules.yaml"), ["scale=paper"])
    said: list[str] = []
    plan = Planner(read=False, say=said.append).plan(arms_of(study, words), study.seeds)
    assert len(plan.asked) == 90
    assert len(plan.trajectories) == 15
    assert plan.equivalents == pytest.approx(13.5, abs=0.01)
    assert plan.summary() == "90 requested, 15 trajectories, 13.5 training-equivalents, 85 % saved"
    assert said == ["45,000 training samples, by the published size"]
