"""Putting a recipe together: overrides, the user's own tree, a recipe from a file or record."""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from recipelab.config.check import check
from recipelab.config.compose import compose, load_base
from recipelab.config.identity import changed_keys, recipe_hash
from recipelab.core.errors import UserError
from recipelab.records.record import Record

NET = """
from torch import nn

class Net(nn.Linear):
    def __init__(self, *, num_classes: int, width: int = 3):
        super().__init__(width, num_classes)
"""


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "net_of_mine", raising=False)


def tree(folder: Path, **files: str) -> Path:
    """A user's tree: file names with __ for / and the ending left out."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + (".py" if "class " in text or "def " in text else ".yaml"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# overrides


def test_later_words_win():
    assert compose(["seed=1", "seed=2"]).config["seed"] == 2
    assert compose(["model=resnet18", "model=resnet20"]).config["model"]["_target_"].endswith("resnet20")


def test_a_key_that_the_yaml_does_not_spell_out_is_set_as_well_as_one_that_it_does():
    found = compose(["trainer.gradient_clip=1.5", "trainer.epochs=3"]).config["trainer"]
    assert (found["gradient_clip"], found["epochs"]) == (1.5, 3)


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_signs_before_a_key_make_no_difference(sign: str):
    found = compose([f"{sign}trainer.epochs=3", f"{sign}model=resnet32"]).config
    assert found["trainer"]["epochs"] == 3
    assert found["model"]["_target_"].endswith("resnet32")


def test_null_chooses_none():
    assert "logger" not in check(compose(["logger=null"])).slots


def test_a_key_can_be_deleted_back_to_its_default():
    assert check(compose(["~trainer.epochs"])).trainer.epochs == 200


def test_an_interpolation_of_the_users_own_is_resolved():
    assert compose(["data=cifar10", "data_root=sets"]).config["data"]["root"] == "sets"
    assert compose(["output=${data_root}/runs"]).config["output"] == "data/runs"


def test_a_callers_own_hydra_is_left_alone(tmp_path: Path):
    (tmp_path / "app.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        compose(["seed=1"])
        assert hydra_compose("app") == {"a": 1}
        with pytest.raises(UserError):
            compose(["model@foo=resnet20"])
        assert hydra_compose("app") == {"a": 1}
    assert not GlobalHydra.instance().is_initialized()


# --config-dir


def test_a_users_choice_is_found_beside_ours(tmp_path: Path):
    user = tree(tmp_path, model__mine="_target_: net_of_mine.Net\nwidth: 5\n", net_of_mine=NET)
    mine = compose(["model=mine", "scheduler=linear"], config_dir=user)
    assert mine.config["model"] == {"_target_": "net_of_mine.Net", "width": 5}
    assert mine.shadowed == ()
    assert "net_of_mine" in mine.own
    assert check(mine).slots["model"].kwargs == {"width": 5}
    assert compose(["scheduler=linear"]).config["scheduler"] == mine.config["scheduler"]


def test_a_users_file_wins_over_ours_of_the_same_name_and_is_named(tmp_path: Path):
    user = tree(tmp_path, model__resnet20="_target_: net_of_mine.Net\n", train="seed: 1\n", sub__train="a: 1\n")
    (user / "train.yaml").write_text((Path(__file__).parents[2] / "src/recipelab/conf/train.yaml").read_text())
    found = compose([], config_dir=user)
    assert found.config["model"] == {"_target_": "net_of_mine.Net"}
    assert found.shadowed == ("model/resnet20.yaml", "train.yaml")


def test_a_users_defaults_win_over_ours(tmp_path: Path):
    ours = (Path(__file__).parents[2] / "src/recipelab/conf/train.yaml").read_text()
    user = tree(tmp_path, train=ours.replace("optimizer: sgd", "optimizer: adamw"))
    assert compose([], config_dir=user).config["optimizer"]["_target_"].endswith("adamw")


@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "a'b", 'a"b', "a[b]", "a{b}", "a$b", "ä#ö", "a%20b"])
def test_the_folder_may_have_any_name(name: str, tmp_path: Path):
    user = tree(tmp_path / name, model__mine="_target_: net_of_mine.Net\n")
    assert compose(["model=mine"], config_dir=user).config["model"] == {"_target_": "net_of_mine.Net"}


def test_an_installed_module_stands_before_a_users_of_the_same_name(tmp_path: Path):
    user = tree(tmp_path, json=NET, torch__thing=NET, model__mine="_target_: json.Net\n")
    found = compose(["model=mine"], config_dir=user)
    assert not {"json", "torch"} & set(found.own)  # so that a recipe from a file cannot name json or torch by way of it
    with pytest.raises(UserError, match="json has no 'Net'"):
        check(found)


def test_modules_and_packages_of_the_user_are_own(tmp_path: Path):
    user = tree(tmp_path, one_of_mine=NET, pack_of_mine____init__="", pack_of_mine__deep__net=NET, model__x="")
    (user / "not-a-module").mkdir()
    assert {"one_of_mine", "pack_of_mine"} <= set(compose([], config_dir=user).own)
    assert not {"not-a-module", "json"} & set(compose([], config_dir=user).own)


def test_a_folder_that_is_not_there(tmp_path: Path):
    for path in (tmp_path / "no", tree(tmp_path, file="a: 1") / "file.yaml"):
        with pytest.raises(UserError, match="--config-dir .*: there is no such folder"):
            compose([], config_dir=path)


# --config


def saved(folder: Path, *overrides: str, **changes: Any) -> Path:
    """A recipe in a file, with whole nodes replaced."""
    config = {**check(compose(overrides)).config, **changes}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def onto(path: Path, *overrides: str, config_dir: Path | None = None) -> dict[str, Any]:
    return check(compose(overrides, base=load_base(path), config_dir=config_dir)).config


RICH = (
    "data=cifar10",
    "optimizer=adamw",
    "mix=mixup",
    "averaging=ema",
    "averaging.decays=[0.9,0.99]",
    "sam=asam",
    "seed=3",
)


def test_a_record_gives_its_recipe_back(tmp_path: Path):
    recipe = check(compose(RICH))
    with Record.create(tmp_path, "run") as record:
        record.write_config(recipe.config)
    for path in (record.path, record.path / "config.yaml"):
        again = onto(path)
        assert again == recipe.config
        assert changed_keys(recipe.config, again) == {}
        assert recipe_hash(again, {}) == recipe_hash(recipe.config, {})


def test_a_record_of_a_users_own_class_gives_its_recipe_back(tmp_path: Path):
    user = tree(tmp_path / "user", model__mine="_target_: net_of_mine.Net\n", net_of_mine=NET)
    recipe = check(compose(["model=mine", "model.width=9"], config_dir=user))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.config))
    assert onto(path, config_dir=user) == recipe.config
    with pytest.raises(UserError, match=r"model._target_=net_of_mine.Net.*\n.*--config-dir DIR"):
        onto(path)


def test_words_of_the_command_change_it(tmp_path: Path):
    path = saved(tmp_path, *RICH)
    found = onto(path, "seed=4", "trainer.epochs=7", "optimizer.lr=0.5", "model=resnet32", "mix=none", "averaging=none")
    assert (found["seed"], found["trainer"]["epochs"], found["optimizer"]["lr"]) == (4, 7, 0.5)
    assert found["optimizer"]["betas"] == [0.9, 0.999]
    assert found["model"]["_target_"].endswith("resnet32")
    assert not {"mix", "averaging"} & found.keys()
    assert found["sam"] == {"rho": 0.5, "adaptive": True, "every": 1}


def test_a_slot_chosen_anew_forgets_the_keys_of_the_old(tmp_path: Path):
    assert onto(saved(tmp_path, "optimizer.momentum=0.5"), "optimizer=sgd")["optimizer"]["momentum"] == 0.9


def test_an_interpolation_in_a_chosen_file_is_of_this_recipe(tmp_path: Path):
    assert onto(saved(tmp_path, "data_root=sets"), "data=cifar10")["data"]["root"] == "sets"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("recipe=none", "recipe= chooses a preset over the defaults"),
        ("env=cluster", "env= chooses a preset"),
        ("~optimizer.lr", "cannot be deleted"),
        ("sam.rho=0.1", "has nothing to apply to, as sam is none: choose one, sam=asam, sam=sam"),
        ("trainer.epochs.x=1", "trainer.epochs"),
        ("optimizer.lrr=1", "did you mean: optimizer.lr"),
    ],
)
def test_words_that_cannot_change_it(word: str, message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        onto(saved(tmp_path), word)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a mapping of slots is expected"),
        ("[1, 2]", "a mapping of slots is expected"),
        ("{1: 2}", "a mapping of slots is expected"),
        ("a: [", "cannot be read as yaml"),
        ("\x00", "cannot be read as yaml"),
        ("[" * 1500, "nested more than 50 deep"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as yaml"),
        ("hydra: {run: {dir: x}}", "holds no hydra"),
        ("model: {a: {hydra: 1}}", "holds no model.a.hydra"),
        ("defaults: [x]", "holds no defaults"),
        ("model: {_args_: [1]}", "holds no model._args_"),
        ("output: ${oc.env:HOME}", "holds no interpolation, but output="),
        ("model: {a: [1, 'x${b}']}", "holds no interpolation, but model.a="),
        ("a: &x [1]\nb: *x", "holds no yaml anchors"),
        ("a: &x {b: *x}", "holds no yaml anchors"),
        ("output: 2020-01-01", "output=2020-01-01 is a date"),
        ("output: !!binary aGk=", "is a bytes"),
        ("nope: 1", "nope is not a key of a recipe"),
        ("model: 3", "the recipe has no data|model=3"),
    ],
)
def test_a_file_that_is_no_recipe(text: str, message: str, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        onto(path)


def test_a_file_that_grows_without_measure_is_refused_at_once(tmp_path: Path):
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    path = tmp_path / "recipe.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="holds no yaml anchors"):
        load_base(path)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path):
    with pytest.raises(UserError, match=r"--config .*no.yaml: there is no file"):
        load_base(tmp_path / "no.yaml")
    with pytest.raises(UserError, match="there is no file .*config.yaml"):
        load_base(tmp_path)
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as yaml"):
        load_base(tmp_path / "x.yaml")


def test_a_base_given_from_python_is_judged_alike():
    with pytest.raises(UserError, match="holds no interpolation"):
        compose(base={"output": "${oc.env:HOME}"})


def test_a_target_named_by_the_command_takes_the_place_of_the_choice_and_its_keys():
    given = ["optimizer=adamw", "optimizer._target_=torch.optim.SGD", "optimizer.lr=0.5"]
    assert compose(given).config["optimizer"] == {"_target_": "torch.optim.SGD", "lr": 0.5}
    assert compose(["optimizer.lr=0.5"]).config["optimizer"]["momentum"] == 0.9


def test_a_target_from_a_file_is_trusted_when_the_command_names_it(tmp_path: Path):
    base = {**compose([]).config, "model": {"_target_": "collections.OrderedDict", "width": 3}}
    with pytest.raises(UserError, match=r"or name it: model\._target_=collections"):
        check(compose(base=base))
    named = check(compose(["model._target_=collections.OrderedDict"], base=base))
    assert named.slots["model"].target is OrderedDict
    assert named.config["model"]["width"] == 3
