"""Python objects in a recipe: trained, recorded as what they are, and not passed off as repeatable."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from compare import assert_same
from recipelab import load_run, train
from recipelab.core.errors import UserError
from recipelab.records.record import Record


class Blobs(torch.utils.data.Dataset):
    def __init__(self, count: int, seed: int = 0) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        rng, label = np.random.default_rng([self.seed, index]), index % 3
        image = rng.integers(0, 80, (6, 5, 3), np.uint8)
        image[..., label] += 100
        return (image[:, ::-1] if np.random.rand() < 0.5 else image).copy(), label


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.fixture
def words(tmp_path):
    return [
        f"output={tmp_path / 'outputs'}",
        "augment=none",
        "logger=none",
        "trainer.epochs=4",
        "trainer.batch_size=16",
        "trainer.threads=1",
        "trainer.precision=32",
        "data.num_classes=3",
        "seed=1",
    ]


def test_a_module_and_datasets_are_trained_in_place(words):
    model = module().eval()
    before = copy.deepcopy(model.state_dict())
    run = train(*words, model=model, data=(Blobs(90), Blobs(30, 1), Blobs(12, 2)), quiet=True)
    assert run.result["headline"]["accuracy"] > 0.9
    assert {name: part["samples"] for name, part in run.record.environment()["splits"].items()} == {
        "train": 90,
        "val": 12,
        "test": 30,
    }
    last = run.record.load_checkpoint("last")["model"]
    assert all(torch.equal(value, last[name]) for name, value in model.state_dict().items())
    assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_record_says_so_and_its_config_is_refused(words):
    run = train(*words, model=module(), data=(Blobs(60), None), quiet=True)
    assert run.result["repeatable"] is False
    assert run.config["model"] == {"_object_": "torch.nn.modules.container.Sequential"}
    place = f"output={run.config['output']}"
    for repeat in (lambda: train(place, config=str(run.path)), lambda: load_run(run.path).model()):
        with pytest.raises(UserError, match=r"was a Python object of class .*: this recipe cannot be repeated"):
            repeat()


def test_a_recipe_without_objects_is_repeatable(train_tiny):
    assert train_tiny().result["repeatable"] is True


def test_the_weights_and_data_it_began_with_are_in_its_hash(words):
    def hash_of(model: Any, seed: int) -> str:
        return train(*words, "trainer.steps=1", model=model, data=(Blobs(60, seed), None), quiet=True).result[
            "recipe_hash"
        ]

    other = module()
    nn.init.zeros_(other[0].weight)
    assert len({hash_of(module(), 0), hash_of(module(), 0)}) == 1
    assert len({hash_of(module(), 0), hash_of(other, 0), hash_of(module(), 1)}) == 3


def test_it_resumes_with_the_same_objects_to_the_same_bits(words, tmp_path):
    data = (Blobs(90), Blobs(30, 1))
    whole = train(*words, "trainer.epochs=6", model=module(), data=data, quiet=True)
    begun = train(
        *words,
        "trainer.epochs=6",
        f"output={tmp_path / 'cut'}",
        "trainer.steps=9",
        model=module(),
        data=data,
        quiet=True,
    )
    assert begun.result["progress"]["step"] == 9
    again = train(*words, f"output={tmp_path / 'again'}", "trainer.epochs=6", model=module(), data=data, quiet=True)
    assert_same(again.path, whole.path)
    with pytest.raises(UserError, match=r"model was a Python object"):
        train(f"trainer.resume={begun.path}", "trainer.steps=12", quiet=True)
    longer = train(f"trainer.resume={begun.path}", "trainer.steps=12", model=module(), data=data, quiet=True)
    assert longer.result["progress"]["step"] == 12
    assert longer.result["resumed"][0]["step"] == 9


def test_other_slots_and_what_needs_arguments(words):
    class Loss:
        def __call__(self, logits, labels):
            return nn.functional.cross_entropy(logits.float(), labels, reduction="none")

    run = train(
        *words,
        model=module(),
        data=(Blobs(90), Blobs(30, 1)),
        loss=Loss(),
        optimizer=lambda p: torch.optim.Adam(p, lr=0.02),
        quiet=True,
    )
    assert run.result["headline"]["accuracy"] > 0.9
    assert run.config["loss"] == {"_object_": f"{__name__}.test_other_slots_and_what_needs_arguments.<locals>.Loss"}


@pytest.mark.parametrize(
    ("override", "objects", "message"),
    [
        ("model=resnet20", {"model": module()}, "model=resnet20 has nothing to apply to: model was given as a Python"),
        ("model.width=3", {"model": module()}, "model.width=3 has nothing to apply to"),
        ("data=digits", {"data": (Blobs(9), Blobs(9))}, "data=digits has nothing to apply to"),
        ("data.test._target_=a.B", {"data": (Blobs(9), Blobs(9))}, "data.test was given as a Python object"),
        ("seed=2", {"modle": module()}, r"train\(modle=...\): there is no such slot\n  did you mean: model"),
        ("seed=2", {"data": Blobs(9)}, r"train\(data=...\): a tuple of torch Datasets"),
        ("seed=2", {"loss": 3, "data": (Blobs(60), None)}, "what int makes has no __call__"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(words, tmp_path, override, objects, message):
    with pytest.raises(UserError, match=message):
        train(*words, override, quiet=True, **objects)
    assert not (tmp_path / "outputs").exists()


def test_a_record_that_mentions_an_object_gets_no_further_than_the_reason(words):
    run = train(*words, model=module(), data=(Blobs(60), None), quiet=True)
    assert Record.open(run.path).config()["data"]["train"] == {"_object_": f"{__name__}.Blobs"}
    with pytest.raises(UserError, match="data.train was a Python object"):
        train(f"output={run.config['output']}", config=str(run.path), model=module())
