"""Arrays of NumPy files: what becomes of every shape and type, and each way they can be wrong."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.data.arrays import Arrays
from recipelab.data.pool import Pool, require_facts
from recipelab.testing import check_data

DRAW = np.random.default_rng(0)
GREY = DRAW.integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def load(file: Path, **options: Any) -> tuple[dict[str, Any], Pool, Pool | None, list[str]]:
    lines: list[str] = []
    source = Arrays(root=str(file), **options)
    facts = source.facts()
    train, test = source.load(lines.append)
    return facts, train, test, lines


@pytest.mark.parametrize(
    ("shape", "channels", "sizes"),
    [
        ((6, 9), "auto", (9, 1)),
        ((6, 5, 4), "auto", (5, 4, 1)),
        ((6, 5, 4), "last", (5, 4)),
        ((6, 2, 9), "first", (9, 2)),
        ((6, 5, 4, 3), "auto", (5, 4, 3)),
        ((6, 3, 5, 7), "auto", (5, 7, 3)),
        ((6, 5, 7, 6), "auto", (5, 7, 6, 1)),
        ((6, 2, 3, 4), "none", (2, 3, 4, 1)),
        ((6, 5, 7, 6, 2), "auto", (5, 7, 6, 2)),
        ((6, 2, 5, 7, 6), "auto", (5, 7, 6, 2)),
    ],
)
def test_one_to_three_dimensions(tmp_path: Path, shape: tuple[int, ...], channels: Any, sizes: tuple[int, ...]):
    images = DRAW.integers(0, 256, shape, dtype=np.uint8)
    file = saved(tmp_path, images=images, targets=np.arange(6) % 2)
    facts, train, test, _ = load(file, channels=channels)
    assert (*facts["image_size"], facts["input_channels"]) == sizes
    assert test is None
    axis = 1 if shape != (*shape[:1], *sizes) and sizes[-1] > 1 else None
    wanted = images.reshape(6, *sizes) if axis is None else np.moveaxis(images, 1, -1)
    np.testing.assert_array_equal(train.images.numpy(), wanted)
    check_data(lambda: Arrays(root=str(file), channels=channels))


@pytest.mark.parametrize("shape", [(6,), (6, 2, 3, 4, 5, 6), (6, 0, 4)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]):
    with pytest.raises(UserError, match="one to three spatial sizes"):
        load(saved(tmp_path, images=np.zeros(shape, np.uint8), targets=np.zeros(6, int)))


@pytest.mark.parametrize(
    ("images", "kind", "values"),
    [
        (np.array([[0, 255], [3, 4]], np.uint8), "uint8", [[0, 255], [3, 4]]),
        (np.array([[0, 255], [3, 4]], np.int64), "uint8", [[0, 255], [3, 4]]),
        (np.array([[0, 256], [3, 4]], np.uint16), "float32", [[0, 256], [3, 4]]),
        (np.array([[-1, 2], [3, 4]], np.int8), "float32", [[-1, 2], [3, 4]]),
        (np.array([[True, False], [False, True]]), "uint8", [[255, 0], [0, 255]]),
        (np.array([[0.5, -2.25], [3, 4]], np.float64), "float32", [[0.5, -2.25], [3, 4]]),
        (np.array([[0.5, -2.25], [3, 4]], np.float16), "float32", [[0.5, -2.25], [3, 4]]),
    ],
    ids=str,
)
def test_types_of_images(tmp_path: Path, images: np.ndarray, kind: str, values: list):
    file = saved(tmp_path, images=images, targets=np.array([0, 1]))
    facts, train, _, _ = load(file)
    assert facts["image_dtype"] == kind
    assert str(train.images.dtype) == f"torch.{kind}"
    assert train.images[..., 0].tolist() == values
    check_data(lambda: Arrays(root=str(file)))


def test_one_type_for_both_parts(tmp_path: Path):
    """A test part that needs floats makes floats of the training part, too."""
    file = saved(
        tmp_path, x_train=np.ones((4, 3), int), y_train=[0, 1, 0, 1], x_test=np.full((2, 3), 300), y_test=[0, 1]
    )
    _, train, test, _ = load(file)
    assert test is not None
    assert train.images.dtype == test.images.dtype == torch.float32


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.full((12, 5), np.nan, np.float32), "12 images have values that are no finite float32, the first is row 0"),
        (np.where(np.arange(12)[:, None] == 7, 1e300, np.ones((12, 5))), "1 images .* the first is row 7"),
        (np.full((12, 5), 2**24 + 1), "float32 does not hold exactly"),
        (np.full((12, 5), "a"), "images of type <U1 are not read"),
        (np.zeros((12, 5), complex), "images of type complex128 are not read"),
    ],
)
def test_images_that_are_none(tmp_path: Path, bad: np.ndarray, said: str):
    with pytest.raises(UserError, match=said):
        load(saved(tmp_path, images=bad, targets=LABELS))


def test_floats_are_a_regression_and_integers_only_if_told(tmp_path: Path):
    file = saved(tmp_path, images=GREY, targets=np.linspace(0, 1, 12))
    facts, train, _, lines = load(file)
    assert (facts["task"], facts["num_classes"]) == ("regression", 1)
    assert train.targets.shape == (12, 1)
    assert train.targets.dtype == torch.float32
    assert any("targets: 0 to 1" in line for line in lines)
    with pytest.raises(UserError, match="data.task=classification contradicts the targets, which are float64"):
        load(file, task="classification")
    ages = saved(tmp_path, images=GREY, targets=LABELS + 20)
    assert load(ages, task="regression")[1].targets[:2, 0].tolist() == [20, 21]
    check_data(lambda: Arrays(root=str(ages), task="regression"))


def test_several_targets(tmp_path: Path):
    facts, train, _, lines = load(saved(tmp_path, images=GREY, targets=DRAW.normal(size=(12, 2)) * 100))
    assert (facts["num_classes"], train.targets.shape) == (2, (12, 2))
    assert any("far from a spread of 1" in line for line in lines)


@pytest.mark.parametrize(
    ("targets", "options", "said"),
    [
        (np.where(np.arange(12) == 5, np.nan, 1.0), {}, "1 targets are not finite .* the first is row 5"),
        (LABELS - 1, {}, "label -1 in train is out of range: there are 2 classes, 0 to 1"),
        (LABELS, {"num_classes": 2}, "label 2 in train is out of range: there are 2 classes"),
        (LABELS * 1000, {}, "labels reach 2,000 for 12 samples"),
        (np.eye(3, dtype=int)[LABELS], {}, "targets have 3 columns"),
        (LABELS[:11], {}, "12 images .* have 11 targets"),
        (np.zeros((12, 2, 2)), {}, r"targets are \(12, 2, 2\)"),
        (np.array(["cat"] * 12), {"task": "regression"}, "names like 'cat'"),
        (np.zeros(12, complex), {}, "targets of type complex128"),
    ],
)
def test_targets_that_are_none(tmp_path: Path, targets: np.ndarray, options: dict, said: str):
    with pytest.raises(UserError, match=said.replace("(", "[(]").replace(")", "[)]") if "\\" not in said else said):
        load(saved(tmp_path, images=GREY, targets=targets), **options)


def test_names_are_classes_in_order(tmp_path: Path):
    names = np.array(["dog", "cat", "owl"])[LABELS]
    facts, train, test, _ = load(
        saved(tmp_path, train_images=GREY, train_labels=names, test_images=GREY[:2], test_labels=names[:2])
    )
    assert facts["class_names"] == ("cat", "dog", "owl")
    assert train.targets[:3].tolist() == [1, 0, 2]
    assert test is not None
    assert test.targets.tolist() == [1, 0]
    with pytest.raises(UserError, match="only the test part has: bee"):
        load(
            saved(tmp_path, train_images=GREY, train_labels=names, test_images=GREY[:1], test_labels=np.array(["bee"]))
        )


def test_a_label_of_the_test_part_that_training_does_not_have(tmp_path: Path):
    parts = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:1], "y_test": [3]}
    with pytest.raises(UserError, match="label 3 in test is out of range: there are 3 classes.*data.num_classes=K"):
        load(saved(tmp_path, **parts))
    facts, _, _, lines = load(saved(tmp_path, **parts), num_classes=4)
    assert facts["num_classes"] == 4
    assert any("1 of the 4 classes have no sample" in line for line in lines)


def test_a_folder_of_files(tmp_path: Path):
    for part, rows in (("train", slice(0, 8)), ("test", slice(8, 12))):
        np.savez(tmp_path / f"{part}.npz", images=GREY[rows], labels=LABELS[rows])
    _, train, test, _ = load(tmp_path)
    assert test is not None
    assert (len(train), len(test)) == (8, 4)
    single = tmp_path / "single"
    single.mkdir()
    np.save(single / "images.npy", GREY)
    np.save(single / "targets.npy", LABELS)
    assert load(single)[1].targets.tolist() == LABELS.tolist()
    np.save(single / "X.npy", GREY)
    with pytest.raises(UserError, match="both 'X' .* and 'images' .* are train images"):
        load(single)


def test_what_is_not_used_is_said(tmp_path: Path):
    file = saved(tmp_path, images=GREY, targets=LABELS, weights=LABELS, val_images=GREY, val_targets=LABELS)
    assert any("not used: val_images, val_targets, weights" in line for line in load(file)[3])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": GREY}, "has no targets of the train part: an array named targets or target"),
        ({"targets": LABELS}, "has no images of the train part"),
        ({"images": GREY, "targets": LABELS, "test_images": GREY}, "has no targets of the test part"),
    ],
)
def test_a_part_that_is_missing(tmp_path: Path, arrays: dict, said: str):
    with pytest.raises(UserError, match=said):
        load(saved(tmp_path, **arrays))


def test_nothing_is_unpickled(tmp_path: Path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    objects = np.empty(12, object)
    objects[:] = [Bomb() for _ in range(12)]
    np.savez(tmp_path / "data.npz", images=GREY, targets=objects)
    with pytest.raises(UserError, match="'targets' holds Python objects"):
        load(tmp_path / "data.npz")
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="cannot be read as a NumPy file"):
        load(tmp_path / "raw.npy")
    assert not (tmp_path / "exploded").exists()


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist"):
        load(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="cannot be read as a NumPy file"):
        load(tmp_path / "text.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no images of the train part.*there is nothing"):
        load(tmp_path / "empty")
    file = saved(tmp_path, images=GREY, targets=LABELS)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        load(file)


def test_more_than_the_memory_is_refused_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Memory:
        available = 100

    file = saved(tmp_path, images=GREY, targets=LABELS)
    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(UserError, match="of memory"):
        load(file)


def test_pools_must_be_what_the_facts_say():
    from recipelab.core.facts import Facts

    facts = Facts("classification", 3, 1, (5, 4))
    pool = Pool(torch.from_numpy(GREY[..., None].copy()), torch.from_numpy(LABELS))
    require_facts(facts, pool, None)
    for wrong, said in (
        (Facts("regression", 1, 1, (5, 4)), "data.task=regression contradicts the data"),
        (Facts("classification", 2, 1, (5, 4)), "label 2 is out of range"),
        (Facts("classification", 3, 1, (5, 4), image_dtype="float32"), "image_dtype float32"),
    ):
        with pytest.raises(UserError, match=said):
            require_facts(wrong, pool)
