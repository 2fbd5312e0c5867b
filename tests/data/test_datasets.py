"""A user's torch Datasets as data: what items may be, what is learnt of them, and how they draw."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab.core.errors import RunError, UserError
from recipelab.data.datasets import Datasets
from recipelab.data.rows import Loading
from recipelab.testing import check_data


class Items:
    """A map-style dataset of the items it is given, without anything else that could tell about them."""

    def __init__(self, items: list[Any], **more: Any) -> None:
        self.items = items
        self.__dict__.update(more)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class Drawn(Items):
    def __getitem__(self, index: int) -> Any:
        noise = random.randrange(50) + np.random.randint(50) + int(torch.randint(50, ()))
        return np.full((4, 5, 3), noise, np.uint8), index % 2


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)


def items(make: Any) -> Items:
    return Items([(make(pixels), index % 2) for index, pixels in enumerate(PIXELS)])


def silent(line: str) -> None:
    pass


@pytest.mark.parametrize(
    "make", [Image.fromarray, lambda pixels: pixels, lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1)]
)
def test_pil_numpy_and_torch_give_the_same_bytes(make: Any) -> None:
    data = Datasets(train=items(make), test=items(make), num_classes=2)
    assert data.facts() == {
        "task": "classification",
        "num_classes": 2,
        "input_channels": 3,
        "image_size": (4, 5),
        "class_names": (),
    }
    train, test, val = data.load(silent)
    assert val is None
    assert test is not None
    assert np.array_equal(train.in_memory().images, PIXELS)
    assert test.targets.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("shape", "size", "channels"), [((7,), (7,), 1), ((4, 5), (4, 5), 1), ((2, 3, 4, 1), (2, 3, 4), 1)]
)
def test_other_dimensions(shape: tuple[int, ...], size: tuple[int, ...], channels: int) -> None:
    facts = Datasets(train=Items([(np.zeros(shape, np.uint8), 0)])).facts()
    assert (facts["image_size"], facts["input_channels"]) == (size, channels)


def test_pil_images_are_brought_to_the_size_that_is_asked_for() -> None:
    images = [Image.new("RGB", (9, 30), (200, 0, 0)), Image.new("L", (50, 8), 9)]
    train, _, _ = Datasets(train=Items([(image, i) for i, image in enumerate(images)]), image_size=6).load(silent)
    assert train.images.shape == (2, 6, 6, 3)
    assert train.in_memory().images[:, 3, 3].tolist() == [[200, 0, 0], [9, 9, 9]]


def test_a_contract_that_every_source_keeps() -> None:
    check_data(lambda: Datasets(train=items(Image.fromarray), num_classes=2, storage="memory"))


def test_classes_and_labels_are_read_off_without_asking_for_items() -> None:
    class Shy(Items):
        def __getitem__(self, index: int) -> Any:
            assert index == 0, "only the first item is looked at"
            return super().__getitem__(index)

    part = Shy(items(Image.fromarray).items, targets=[1, 0, 1, 0, 1, 0], classes=["cat", "dog"])
    data = Datasets(train=part)
    assert data.facts()["class_names"] == ("cat", "dog")
    assert data.load(silent)[0].targets.tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("workers", [0, 2])
def test_draws_are_repeatable_and_evaluation_shows_the_same_every_time(workers: int) -> None:
    def passes(workers: int) -> list[list[int]]:
        from recipelab.data.rows import Pass

        pool = Datasets(train=Drawn([None] * 20), num_classes=2).load(silent)[0]
        assert not isinstance(pool.images, torch.Tensor)
        pool.images.use(Loading(workers))
        whats = [Pass(1, "sample", 0, training=True), Pass(1, "sample", 1, training=True), Pass(), Pass()]
        rows = torch.arange(20)
        found = [torch.cat([i.clone() for i, _ in pool.images.chunks(rows, 6, what)])[:, 0, 0, 0] for what in whats]
        pool.images.close()
        return [values.tolist() for values in found]

    random.seed(workers)
    found = passes(workers)
    assert found == passes(0)
    assert found[0] != found[1]
    assert found[2] == found[3]
    assert len(set(found[0])) > 5


def test_memory_asks_for_every_item_once() -> None:
    pool = Datasets(train=Drawn([None] * 20), num_classes=2, storage="memory").load(silent)[0]
    assert pool.storage == "memory"
    assert torch.equal(pool.subset(torch.arange(20)).images, pool.images)


def test_digest_is_of_content_and_the_same_again() -> None:
    def digest(value: int) -> str:
        part = Items([(np.full((2, 2, 1), value, np.uint8), i % 2) for i in range(40)])
        return Datasets(train=part, num_classes=2).load(silent)[0].digest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_float_items_stay_floats_and_float_targets_are_a_regression() -> None:
    part = Items([(torch.full((1, 3, 3), i / 7), float(i)) for i in range(4)])
    facts = Datasets(train=part).facts()
    assert (facts["task"], facts["num_classes"]) == ("regression", 1)
    assert facts["image_dtype"] == "float32"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Items([]), "data.train: Items has no items"),
        (Items([(np.zeros((2, 2), np.uint8), 5)]), "labels are 5 to 5, and data.num_classes=2"),
        (Items([(np.zeros((2, 2), np.uint8), -1)]), "labels are -1 to -1"),
        (Items([(np.zeros((2, 2), np.uint8), "cat")]), "one int, or floats"),
        (Items([(np.zeros((2, 2), np.int32), 0)]), "of int32: uint8 or floats are read"),
        (Items([np.zeros((2, 2), np.uint8)]), "an item is \\(image, target\\)"),
        (Items([None]), "an item is \\(image, target\\), .* not NoneType"),
        ([], "data.train: list has no items"),
    ],
)
def test_what_is_no_dataset_is_refused(part: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Datasets(train=part, num_classes=2).load(silent)


def test_an_item_that_is_not_like_the_first_names_itself() -> None:
    part = Items([(np.zeros((2, 2), np.uint8), 0), (np.zeros((3, 2), np.uint8), 1)])
    pool = Datasets(train=part, num_classes=2).load(silent)[0]
    with pytest.raises(RunError, match=r"data.train\[1\]: it is \(3, 2, 1\) uint8, and the first is \(2, 2, 1\)"):
        pool.in_memory()
