"""The yaml tree read by name: what --help lists."""

from __future__ import annotations

from pathlib import Path

from recipelab.config.compose import compose
from recipelab.config.slots import SLOTS
from recipelab.config.tree import GROUPS, groups, packaged_tree


def test_every_folder_of_the_tree_is_a_group_and_every_group_has_choices():
    folders = {path.name for path in packaged_tree().iterdir() if path.is_dir()}
    assert folders == {*GROUPS, "study", "search"}  # no choices of a recipe: their commands read them
    assert all(groups().values())
    assert set(SLOTS) <= set(GROUPS)


def test_choices_are_the_names_of_the_files_in_order():
    found = groups()
    assert found["sam"] == ["asam", "none", "sam"]
    assert found["model"] == sorted(path.stem for path in (packaged_tree() / "model").glob("*.yaml"))


def test_every_group_is_chosen_from_in_the_defaults():
    chosen = compose().config
    text = (packaged_tree() / "train.yaml").read_text()
    for name in GROUPS:
        assert f"- {name}: " in text
    assert set(SLOTS) - set(chosen) <= {"mix"}  # none is an empty file: the key stays away


def test_a_users_tree_adds_choices_and_none_of_ours_go(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: mine.Net\n")
    (tmp_path / "model" / "resnet20.yaml").write_text("_target_: mine.Net\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing.yaml").write_text("a: 1\n")
    mine, ours = groups(tmp_path), groups()
    assert mine.pop("model") == sorted([*ours.pop("model"), "mine"])
    assert mine == ours
