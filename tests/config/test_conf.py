"""Every file of the yaml tree: composed as the choice of its group, checked, given facts, and built."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import nn

from recipelab.config.check import Recipe, check
from recipelab.config.compose import compose
from recipelab.config.facts import gather
from recipelab.config.tree import groups, packaged_tree
from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError

FILES = [(group, choice) for group, choices in groups().items() for choice in choices]
NEEDS = {  # of a choice that is not complete by itself, or that digits are too small for
    ("data", "imagefolder"): ["data.root=photos"],
    ("data", "arrays"): ["data.root=data.npz"],
    ("data", "csv"): ["data.root=photos/table.csv"],
    ("data", "filenames"): ["data.root=photos", "data.pattern='(cat|dog)'"],
    ("loss", "mse"): ["data=arrays", "data.root=data.npz", "data.task=regression"],
    ("model", "timm"): ["model.name=resnet10t"],
    **{("model", f"convnext_{size}"): ["data=cifar10"] for size in ("tiny", "small", "base", "large")},
    ("data", "imagenet"): ["data.root=ilsvrc", "data.num_classes=2"],
    ("data", "datasets"): ["data.train._target_=torchvision.datasets.FakeData", "data.num_classes=10"],
}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPERIMENT_LOCATION", "/experiments")
    monkeypatch.setenv("DATASET_LOCATION", "/datasets")
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "1.png")
    (tmp_path / "photos" / "table.csv").write_text("path,target\ncat/1.png,cat\ndog/1.png,dog\n")
    np.savez(tmp_path / "data.npz", images=np.zeros((4, 8, 8), np.uint8), targets=np.arange(4) % 2)
    for part in ("train", "val"):
        shutil.copytree(tmp_path / "photos", tmp_path / "ilsvrc" / part)


@functools.cache
def recipe(group: str, choice: str) -> Recipe:
    return check(compose([f"{group}={choice}", *NEEDS.get((group, choice), [])]))


@pytest.mark.parametrize(("group", "choice"), FILES, ids=[f"{g}={c}" for g, c in FILES])
def test_it_is_composed_checked_and_built(group: str, choice: str):
    found = recipe(group, choice)
    facts = gather(found.data, found.slots["data"].build().facts())
    slots = found.with_facts(facts).slots
    for name in {"augment", "mix", "loss", "logger"} & slots.keys():
        slots[name].build()
    with torch.device("meta"):
        model = slots["model"].build().eval()
        logits = model(torch.zeros(2, facts.input_channels, *facts.image_size))
    assert logits.shape == (2, facts.num_classes)
    slots["optimizer"].build([nn.Parameter(torch.zeros(2))])
    assert len(slots["scheduler"].build(Timeline(steps_per_epoch=10, total_steps=2000))) == 2000


@pytest.mark.parametrize(("group", "choice"), FILES, ids=[f"{g}={c}" for g, c in FILES])
def test_its_recipe_comes_back_from_yaml_as_it_was(group: str, choice: str):
    found = recipe(group, choice).config
    again = yaml.safe_load(yaml.safe_dump(found))
    assert again == found
    assert check(compose(base=again)).config == found


@pytest.mark.parametrize(("group", "choice"), FILES, ids=[f"{g}={c}" for g, c in FILES])
def test_it_says_at_its_top_what_it_is(group: str, choice: str):
    lines = (packaged_tree() / group / f"{choice}.yaml").read_text().splitlines()
    said = [line for line in lines if line.startswith("# ") and "@package" not in line]
    assert said
    assert said[0] in lines[:2]


@pytest.mark.parametrize("group", [g for g, choices in groups().items() if "none" in choices and g != "augment"])
def test_none_is_nothing(group: str):
    assert yaml.safe_load((packaged_tree() / group / "none.yaml").read_text()) is None
    assert group not in recipe(group, "none").config


def test_digits_is_the_default_and_has_a_short_budget():
    found = check(compose())
    assert found.slots["data"].name == "Digits"
    assert found.config == check(compose(["data=digits"])).config
    assert found.trainer.epochs is not None
    assert found.trainer.epochs < 100
    assert found.config["augment"]["flip"] == 0


def test_the_default_recipe_of_other_data():
    found = check(compose(["data=cifar10"])).config
    assert (found["trainer"]["epochs"], found["trainer"]["batch_size"]) == (200, 128)
    optimizer = {key: found["optimizer"][key] for key in ("lr", "momentum", "nesterov", "weight_decay")}
    assert optimizer == {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 5e-4}
    assert found["scheduler"]["_target_"].endswith(".cosine")
    assert found["scheduler"]["warmup"] == "0st"
    assert found["augment"]["padding"] == 4
    assert not {"mix", "sam", "averaging"} & found.keys()


def test_the_cluster_takes_its_folders_from_the_environment():
    found = check(compose(["env=cluster", "data=cifar10"])).config
    assert (found["output"], found["data_root"], found["progress"]) == ("/experiments", "/datasets", False)
    assert found["data"]["root"] == "/datasets"


def test_what_the_command_says_wins_over_the_environment():
    assert check(compose(["output=here", "env=cluster"])).run.output == "here"


@pytest.mark.parametrize("name", ["EXPERIMENT_LOCATION", "DATASET_LOCATION"])
def test_the_cluster_without_a_folder_says_which(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(name)
    with pytest.raises(UserError, match=f"environment variable {name} is not set.*export {name}=DIR"):
        compose(["env=cluster"])


def test_a_preset_wins_over_slots_chosen_by_the_data_and_loses_to_the_command(tmp_path: Path):
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /augment: none\n  - override /optimizer: adamw\n"
        "trainer:\n  epochs: 3\nsam:\n  rho: 0.2\n"
    )
    found = check(compose(["recipe=mine", "optimizer.lr=0.5", "sam.adaptive=true"], config_dir=tmp_path)).config
    assert found["augment"] == {"_target_": "recipelab.augment.none.NoAugment"}
    assert (found["optimizer"]["_target_"], found["optimizer"]["lr"]) == ("recipelab.optim.adamw.adamw", 0.5)
    assert found["trainer"]["epochs"] == 3
    assert found["sam"] == {"rho": 0.2, "adaptive": True, "every": 1}
