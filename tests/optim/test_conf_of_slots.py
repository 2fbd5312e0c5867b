"""The yaml of models, losses, optimizers and schedulers: they name what exists, and say its defaults.

How a yaml meets the command line is tested with the configuration; here only that each file is true.
"""

import importlib
import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
import yaml
from pydantic import TypeAdapter

import recipelab
from recipelab.core.durations import Timeline

CONF = Path(recipelab.__file__).parent / "conf"
FILES = sorted(path for slot in ("model", "loss", "optimizer", "scheduler") for path in (CONF / slot).glob("*.yaml"))
SUPPLIED = {
    "model": ((), {"num_classes": 4, "image_size": (8, 8)}),
    "loss": ((), {"task": "classification"}),
    "optimizer": (([torch.zeros(2, requires_grad=True)],), {}),
    "scheduler": ((Timeline(steps_per_epoch=10, total_steps=2000),), {}),
}
OWN = {  # keys whose value makes the file what it is
    "multistep_he": {"milestones": ["90ep", "135ep"], "interval": "epoch"},
    "step_effnet": {"interval": "epoch"},
    "multistep_cutout": {"milestones": ["60ep", "120ep", "160ep"], "gamma": 0.2, "interval": "epoch"},
    "multistep_he_original": {"milestones": ["32000st", "48000st"]},
    "step_effnet_original": {"every": "2.4ep"},
    "step": {"every": "25%", "gamma": 0.1, "interval": "epoch", "warmup_start": "first"},
    "cosine_epoch": {"interval": "epoch", "warmup_start": "first"},
    "multistep_epoch": {"interval": "epoch", "warmup_start": "first"},
}


REQUIRED = {"timm": "resnet10t"}  # for the key that the command line must give


def content(path: Path) -> list:
    return list(yaml.safe_load(path.read_text()).items())


def named(path: Path) -> tuple:
    keys = {key: REQUIRED.get(path.stem, value) if value == "???" else value for key, value in content(path)}
    module, _, name = keys.pop("_target_").rpartition(".")
    target = getattr(importlib.import_module(module), name)
    return target, keys, target.__init__ if inspect.isclass(target) else target


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_keys_are_options_of_the_right_type_at_their_defaults(path):
    target, keys, function = named(path)
    parameters, hints = inspect.signature(target).parameters, get_type_hints(function, include_extras=True)
    for key, value in keys.items():
        assert parameters[key].kind is inspect.Parameter.KEYWORD_ONLY
        TypeAdapter(hints[key]).validate_python(value, strict=True)
        default = parameters[key].default
        if default is inspect.Parameter.empty and path.stem in REQUIRED:
            continue
        expected = OWN.get(path.stem, {}).get(key, list(default) if isinstance(default, tuple) else default)
        assert value == expected, key


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_can_be_built_and_says_where_it_is_from(path):
    target, keys, _ = named(path)
    positional, facts = SUPPLIED[path.parent.name]
    accepted = {name: value for name, value in facts.items() if name in inspect.signature(target).parameters}
    with torch.device("meta" if path.parent.name == "model" else "cpu"):  # some would take a gigabyte
        assert target(*positional, **accepted, **keys) is not None
    assert path.read_text().startswith("# ")


def test_the_choices_of_this_room_are_all_there():
    found = {path.parent.name: {p.stem for p in path.parent.glob("*.yaml")} for path in FILES}
    assert found["model"] >= {"resnet18", "resnet20", "resnet32", "resnet44", "resnet50", "resnet56"}
    assert found["scheduler"] >= {"constant", "cosine", "linear", "multistep", "multistep_he", "step_effnet"}
    assert found["optimizer"] >= {"adamw", "sgd"}
    assert "cross_entropy" in found["loss"]
