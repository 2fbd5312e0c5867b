"""What a `_target_` may name: anything for the user, little for a file that somebody else wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import yaml

from recipelab.config.slots import SLOTS, described, locate
from recipelab.config.tree import groups, packaged_tree
from recipelab.core.errors import UserError


def test_every_slot_has_a_room_and_choices():
    for name, slot in SLOTS.items():
        assert __import__(slot.room)
        assert groups()[name]


def test_the_user_may_name_anything():
    assert locate("model", "torch.nn.Linear", trusted=True) is torch.nn.Linear
    assert locate("loss", "os.path.join", trusted=True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (3, "model._target_=3 is not a path"),
        (None, "is not a path"),
        ("torch", "model._target_='torch' is not a path"),
        ("", "is not a path"),
        ("a..b", "is not a path"),
        ("a b.c", "is not a path"),
        (".a.b", "is not a path"),
        ("nowhere_at_all.Thing", "there is no module 'nowhere_at_all'"),
        ("torch.nowhere.Thing", "there is no module 'torch.nowhere'"),
        ("torch.nn.Lineer", "torch.nn has no 'Lineer'\n  did you mean: Linear"),
        ("torch.nn", "is not a class or function but a module"),
        ("recipelab.models.resnet_cifar.Resnet20", "did you mean: resnet20"),
    ],
)
def test_paths_that_lead_nowhere(path: object, message: str):
    with pytest.raises(UserError) as caught:
        locate("model", path, trusted=True)
    assert message in str(caught.value)


def module(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """A module that leaves a file when it is imported; its name."""
    name = f"canary_{folder.name}"
    (folder / f"{name}.py").write_text(f"from pathlib import Path\nPath({str(folder / 'ran')!r}).touch()\n{text}")
    monkeypatch.syspath_prepend(folder)
    return name


def test_a_module_that_breaks_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = module(tmp_path, monkeypatch, "import nowhere_at_all\n")
    with pytest.raises(UserError, match=f"importing {name} needs 'nowhere_at_all', which is missing"):
        locate("model", f"{name}.Net", trusted=True)
    (tmp_path / f"{name}.py").write_text("x = 1\ny = x / 0\n")
    with pytest.raises(UserError, match=rf"importing {name} failed: ZeroDivisionError: .*{name}.py, line 2"):
        locate("model", f"{name}.Net", trusted=True)
    (tmp_path / f"{name}.py").write_text("def f(:\n")
    with pytest.raises(UserError, match="SyntaxError"):
        locate("model", f"{name}.Net", trusted=True)


FOREIGN = [
    ("model", "os.system"),
    ("model", "builtins.eval"),
    ("model", "subprocess.Popen"),
    ("model", "torch.load"),  # a function of a library
    ("model", "torch.hub.load"),
    ("model", "torch.nn.functional.relu"),
    ("model", "torchvision.models.resnet18"),
    ("model", "torch.optim.SGD"),  # a class of a library that is no model
    ("optimizer", "torch.nn.Linear"),
    ("model", "torch.nn.modules.module._addindent"),
    ("data", "torchvision.datasets.MNIST"),  # unpickles what lies in its folder
    ("logger", "torch.utils.tensorboard.SummaryWriter"),
    ("model", "recipelab.config.slots.importlib.import_module"),
    ("model", "recipelab.config.slots.importlib"),
    ("model", "recipelab.models.resnet.torchvision"),
    ("data", "recipelab.data.cifar.Path"),  # re-exported by one of our modules
    ("data", "recipelab.data.imagefolder.cached_property"),
    ("data", "recipelab.data.cifar._fetch"),
    ("logger", "recipelab.core.atomic.write_text"),  # ours, and no logger
    ("logger", "recipelab.commands.train.train"),
    ("logger", "recipelab.cli.main"),
    ("logger", "recipelab.__main__.main"),
    ("model", "recipelab.data.digits.Digits"),
    ("optimizer", "recipelab.optim.sam.Tensor"),
    ("scheduler", "recipelab.optim.sgd.sgd"),
    ("data", "recipelab.database.Thing"),
]


@pytest.mark.parametrize(("slot", "path"), FOREIGN, ids=[f"{s}={p}" for s, p in FOREIGN])
def test_a_file_of_somebody_may_not_name(slot: str, path: str):
    with pytest.raises(UserError, match=rf"{slot}\._target_={path}"):
        locate(slot, path, trusted=False)


def test_what_it_may_not_name_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = module(tmp_path, monkeypatch, "class Net: ...\n")
    with pytest.raises(UserError, match="--config-dir DIR"):
        locate("model", f"{name}.Net", trusted=False)
    assert not (tmp_path / "ran").exists()
    assert name not in sys.modules
    assert locate("model", f"{name}.Net", trusted=False, own=(name,))
    assert (tmp_path / "ran").exists()


def test_a_module_of_the_users_own_gives_no_way_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = module(tmp_path, monkeypatch, "from os import system\nfrom torch import load\nclass Net: ...\n")
    for reached in ("system", "load", "Path"):
        with pytest.raises(UserError, match="cannot fill the slot 'model'"):
            locate("model", f"{name}.{reached}", trusted=False, own=(name,))


@pytest.mark.parametrize(
    ("slot", "path"),
    [
        ("model", "torch.nn.Flatten"),
        ("model", "torchvision.models.VisionTransformer"),
        ("loss", "torch.nn.CrossEntropyLoss"),
        ("optimizer", "torch.optim.SGD"),
    ],
)
def test_it_may_name_a_class_of_a_library_that_fits(slot: str, path: str):
    assert locate(slot, path, trusted=False).__name__ == path.split(".")[-1]


CHOICES = [(name, choice) for name in SLOTS for choice in groups()[name] if choice != "none" or name == "augment"]


@pytest.mark.parametrize(("slot", "choice"), CHOICES, ids=[f"{s}={c}" for s, c in CHOICES])
def test_it_may_name_what_our_own_yaml_names(slot: str, choice: str):
    node = yaml.safe_load((packaged_tree() / slot / f"{choice}.yaml").read_text())
    assert locate(slot, node.get(slot, node)["_target_"], trusted=False)


def test_an_error_in_one_line():
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        found = described(error)
    assert found.startswith("ValueError: first second (")
    assert "test_slots.py, line " in found
    assert described(KeyError("x")) == "KeyError: 'x'"
