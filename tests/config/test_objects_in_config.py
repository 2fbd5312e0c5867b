"""What stands inside a slot: nodes with a `_target_` of their own, and the marks that Python objects leave."""

from __future__ import annotations

from pathlib import Path

import pytest
from torchvision.datasets import FakeData

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.objects import hollow, objects_in
from recipelab.core.errors import UserError

FAKE = "data.train._target_=torchvision.datasets.FakeData"


def test_a_dataset_inside_the_slot_is_bound_checked_and_built():
    found = check(compose(["data=datasets", FAKE, "data.train.size=7"]))
    assert found.config["data"]["train"]["size"] == 7
    assert found.config["data"]["train"]["num_classes"] == 10, "defaults are written out"
    built = found.slots["data"].build().parts["train"]
    assert isinstance(built, FakeData)
    assert len(built) == 7
    assert check(compose(base=found.config)).config == found.config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data.train.sizes=7", FAKE],
            "data.train.sizes is not an option of FakeData\n  did you mean: data.train.size",
        ),
        ([], "data.train is required"),
        (["data.train.size=7"], "data.train._target_=my_module.MyDataset"),
        ([FAKE, "data.test=3"], "data.test: int has no items"),
        ([FAKE, "data.train.transform={_target_: os.getcwd}"], "nothing is built this deep"),
        (["data.train._target_=torchvision.datasets.FakeDataa"], "torchvision.datasets has no 'FakeDataa'"),
        (["data.train._target_=torch.nn.ReLU"], "what ReLU makes has no __len__"),
        (["data.train._target_=torchvision.datasets.MNIST", "data.train.root=nowhere"], "data.train: MNIST cannot be"),
        ([FAKE, "data.storage=memmap"], "data.storage='memmap'"),
    ],
)
def test_what_is_wrong_inside_names_its_key(words, message):
    with pytest.raises(UserError, match=message):
        check(compose(["data=datasets", *words])).slots["data"].build().facts()


@pytest.mark.parametrize("target", ["os.system", "torch.load", "torch.hub.load", "torch.nn.Linear", "subprocess.Popen"])
def test_a_file_may_name_datasets_only(target):
    found = check(compose(["data=datasets", FAKE])).config
    found["data"]["train"] = {"_target_": target}
    with pytest.raises(UserError, match="data.train._target_"):
        check(compose(base=found))


def test_a_file_may_name_datasets_of_the_users_own_folder(tmp_path: Path):
    (tmp_path / "my_items_of_a_file.py").write_text(
        "class Mine:\n    def __len__(self): return 1\n    def __getitem__(self, index): return index\n"
    )
    found = check(compose(["data=datasets", FAKE])).config
    found["data"]["train"] = {"_target_": "my_items_of_a_file.Mine"}
    assert len(check(compose(base=found, config_dir=tmp_path)).slots["data"].inside["train"].build()) == 1
    with pytest.raises(UserError, match="--config-dir"):
        check(compose(base=found))


def test_marks_are_found_and_refused_wherever_an_object_stood():
    for name in ("model", "loss"):
        config = {**check(compose()).config, name: hollow(object())}
        assert objects_in(config) == [name]
        with pytest.raises(UserError, match=f"{name} was a Python object of class builtins.object"):
            check(compose(base=config))
    config = check(compose(["data=datasets", FAKE])).config
    config["data"]["test"] = hollow([])
    assert objects_in(config) == ["data.test"]
    with pytest.raises(UserError, match="data.test was a Python object of class builtins.list"):
        check(compose(base=config))
