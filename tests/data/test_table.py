"""Image files whose targets stand in a CSV file, or in their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab.core.errors import UserError
from recipelab.data import files
from recipelab.data.filenames import FileNames
from recipelab.data.pool import Pool
from recipelab.data.table import CSV
from recipelab.testing import check_data


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "recipelab"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six grey images, whose pixels are their number."""
    (tmp_path / "photos" / "a").mkdir(parents=True)
    for number in range(6):
        Image.fromarray(np.full((6, 8), number, np.uint8)).save(
            tmp_path / "photos" / "a" / f"p_{number}_{number}.5.png"
        )
    return tmp_path / "photos"


def table(folder: Path, *rows: str, name: str = "table.csv", encoding: str = "utf-8") -> str:
    (folder / name).write_text("\n".join(rows) + "\n", encoding=encoding)
    return str(folder / name)


def rows(*values: str) -> list[str]:
    return [f"a/p_{number}_{number}.5.png,{value}" for number, value in enumerate(values)]


def load(source: Any) -> tuple[Pool, Pool | None, list[str]]:
    lines: list[str] = []
    train, test = source.load(lines.append)
    return train, test, lines


def test_float_targets(folder: Path):
    root = table(folder, "path,target", *rows("0.5", "1.5", "2", "3.5", "4.5", "5.5"))
    source = CSV(root=root, input_channels=1)
    assert source.facts() == {
        "task": "regression",
        "num_classes": 1,
        "input_channels": 1,
        "image_size": (6, 8),
        "class_names": (),
    }
    train, test, _ = load(source)
    assert test is None
    assert train.images[:, 0, 0, 0].tolist() == list(range(6))
    assert train.targets[:, 0].tolist() == [0.5, 1.5, 2, 3.5, 4.5, 5.5]
    assert train.names is not None
    assert train.names[0] == "a/p_0_0.5.png"
    check_data(lambda: CSV(root=root, input_channels=1))


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        (("dog", "cat", "dog", "cat", "cat", "dog"), "auto", ("cat", "dog")),
        (("10", "9", "10", "9", "9", "10"), "auto", ("9", "10")),
        (("1.5", "2.5", "1.5", "2.5", "1.5", "2.5"), "classification", ("1.5", "2.5")),
    ],
)
def test_classes_are_sorted_names(folder: Path, values: tuple[str, ...], task: Any, names: tuple[str, ...]):
    source = CSV(root=table(folder, "path,target", *rows(*values)), task=task)
    assert source.facts()["class_names"] == names
    assert load(source)[0].targets.tolist() == [names.index(value) for value in values]


def test_several_targets_and_a_split(folder: Path):
    lines = [
        f"{row},{part}" for row, part in zip(rows(*["1,2"] * 6), ["train"] * 3 + ["Test", "val", "test"], strict=True)
    ]
    source = CSV(root=table(folder, "path,x,y,split", *lines), target=["y", "x"])
    train, test, said = load(source)
    assert test is not None
    assert train.targets.tolist() == [[2, 1]] * 3
    assert test.images[:, 0, 0, 0].tolist() == [3, 5]
    assert any("not used: 1 rows of split=val" in line for line in said)
    assert len(load(CSV(root=source.root, target=["y", "x"], split=None))[0]) == 6


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("utf-8", "\t")])
def test_what_spreadsheets_write(folder: Path, encoding: str, delimiter: str):
    lines = [line.replace(",", delimiter) for line in ["path,target", *rows(*"abcabc")]]
    assert len(load(CSV(root=table(folder, *lines, encoding=encoding)))[0]) == 6


def test_images_elsewhere(folder: Path, tmp_path: Path):
    root = table(tmp_path, "path,target", *rows(*"ababab"))
    assert len(load(CSV(root=root, images=str(folder)))[0]) == 6


def test_another_table_over_the_same_files_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    load(CSV(root=table(folder, "path,target", *rows(*"ababab"))))
    monkeypatch.setattr(files, "decode_files", pytest.fail)
    train, _, _ = load(CSV(root=table(folder, "path,target", *rows(*"bbbaaa"), name="other.csv")))
    assert train.targets.tolist() == [1, 1, 1, 0, 0, 0]


def test_two_choices_of_files_from_one_folder_are_cached_beside_each_other(
    folder: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = rows(*"ababab")
    tables = [table(folder, "path,target", *some, name=f"{n}.csv") for n, some in enumerate((listed[:4], listed[2:]))]
    for root in tables:
        load(CSV(root=root))
    assert len(list(cache_home.iterdir())) == 2
    monkeypatch.setattr(files, "decode_files", pytest.fail)
    assert [load(CSV(root=root, input_channels=3))[0].images[:, 0, 0, 0].tolist() for root in tables] == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
    ]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home.parent))
    Image.fromarray(np.full((6, 8), 9, np.uint8)).save(folder / "a" / "p_0_0.5.png")
    assert load(CSV(root=tables[0]))[0].images[0, 0, 0, 0] == 9
    assert len(list(cache_home.iterdir())) == 2, "the entry of the changed file is replaced"


@pytest.mark.parametrize("kind", ["csv", "filenames"])
def test_stored_any_way_the_images_and_targets_are_the_same(folder: Path, kind: str):
    root = table(folder, "path,target,split", *rows("0.5,train", "1.5,test", "2.5,train", "3.5,test", "4.5,train"))

    def made(**options: Any) -> tuple[Pool, Pool | None, list[str]]:
        if kind == "csv":
            return load(CSV(root=root, image_size=4, resize_size=5, **options))
        return load(FileNames(root=str(folder), pattern=r"_([\d.]+)\.png$", image_size=4, resize_size=5, **options))

    wanted = made(storage="memory", cache="none")
    for storage, options in (("memmap", {}), ("stream", {}), ("stream", {"memory_limit": "1B", "disk_limit": "1B"})):
        found = made(storage="auto" if options else storage, **options)
        for pool, other in zip(found[:2], wanted[:2], strict=True):
            if pool is None or other is None:
                assert pool is other
                continue
            assert pool.storage == storage
            assert torch.equal(pool.in_memory().images, other.in_memory().images)
            assert torch.equal(pool.targets, other.targets)
            assert pool.names == other.names
    cropped, _, _ = made(crop_scale=[0.1, 0.5], crop_ratio=[1, 1])
    assert cropped.storage == "stream"
    with pytest.raises(UserError, match=r"data\.crop_ratio has nothing to apply to"):
        made(crop_ratio=[1, 1])


def test_a_skipped_file_takes_its_target_along(folder: Path):
    (folder / "a" / "p_2_2.5.png").write_bytes(b"")
    root = table(folder, "path,target", *rows("0.5", "1.5", "2.5", "3.5", "4.5", "5.5"))
    with pytest.raises(UserError, match="'a/p_2_2.5.png'.* cannot be read: it is empty"):
        load(CSV(root=root, image_size=6))
    train, _, said = load(CSV(root=root, image_size=6, on_error="skip"))
    assert train.targets[:, 0].tolist() == [0.5, 1.5, 3.5, 4.5, 5.5]
    assert any("left out 1 files" in line for line in said)
    classes = table(folder, "path,target", *rows(*"aabaaa"))
    with pytest.raises(UserError, match="no image of class 'b' can be read"):
        load(CSV(root=classes, image_size=6, on_error="skip"))


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["path,target"], {}, "has no rows"),
        (["file,target", "x,1"], {}, "data.path=path: .* has no such column"),
        (["path,targets", "x,1"], {}, "did you mean: targets"),
        (["path,target,target", "x,1,2"], {}, "has the column 'target' more than once"),
        (["path,target", "x,1,2"], {}, "row 2: 3 cells, and there are 2 columns"),
        (["path,target,split", "x,1,tset"], {}, "row 2: split is 'tset'; train, test or val is expected"),
        (["path,target,split", "x,1,test"], {}, "no row has split=train"),
        (["path,target", "x,1.5", "y,nan"], {}, "targets are not finite .*the first is row 1"),
        (["path,target", "x,1.5", "y,a"], {"task": "regression"}, r"'a' \(sample 2\) is no number"),
        (["path,target", "x,1.5", "y,NA"], {}, r"'NA' \(sample 2\) is no number"),
        (["path,target", "x,1.5"], {"split": "part"}, "data.split=part"),
        (["path,x,y", "p,a,b"], {"target": ["x", "y"]}, "targets have 2 columns"),
    ],
)
def test_tables_that_are_wrong(folder: Path, lines: list[str], options: dict[str, Any], said: str):
    with pytest.raises(UserError, match=said):
        CSV(root=table(folder, *lines), image_size=6, **options).facts()


def test_no_table_at_all(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read as a CSV file: No such file"):
        CSV(root=str(tmp_path / "none.csv")).facts()
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as a CSV file"):
        CSV(root=str(tmp_path / "bytes.csv")).facts()


def test_targets_in_file_names(folder: Path):
    source = FileNames(root=str(folder), pattern=r"_([\d.]+)\.png$", input_channels=1)
    train, test, _ = load(source)
    assert test is None
    assert train.targets[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert train.images[:, 0, 0, 0].tolist() == list(range(6))
    check_data(lambda: FileNames(root=str(folder), pattern=r"_([\d.]+)\.png$"))
    classes = FileNames(root=str(folder), pattern=r"p_(\d)")
    assert classes.facts()["class_names"] == tuple("012345")
    both = FileNames(root=str(folder), pattern=r"p_(\d)_([\d.]+)\.png")
    assert load(both)[0].targets[3].tolist() == [3, 3.5]


def test_file_names_in_two_parts(folder: Path):
    (folder / "a").rename(folder / "train")
    (folder / "test").mkdir()
    Image.new("L", (8, 6)).save(folder / "test" / "q_9.5.png")
    train, test, _ = load(FileNames(root=str(folder), pattern=r"_([\d.]+)\.png$"))
    assert test is not None
    assert (len(train), test.targets.tolist()) == (6, [[9.5]])


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("_(", "is no regular expression"),
        ("_[0-9]", "has no group"),
        (r"_([5-9])_", "does not match 'a/p_0_0.5.png'"),
        (r"p(x)?_", "does not match"),
    ],
)
def test_patterns_that_are_wrong(folder: Path, pattern: str, said: str):
    with pytest.raises(UserError, match=said):
        FileNames(root=str(folder), pattern=pattern).facts()


def test_folders_without_files(tmp_path: Path):
    with pytest.raises(UserError, match="is no folder"):
        FileNames(root=str(tmp_path / "none"), pattern="(.)").facts()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image files"):
        FileNames(root=str(tmp_path / "empty"), pattern="(.)").facts()


def test_float_targets_are_split_without_strata(folder: Path):
    from recipelab.data.splits import split

    images = torch.arange(200, dtype=torch.uint8).reshape(200, 1, 1, 1)
    pool = Pool(images, torch.linspace(0, 1, 200)[:, None])
    parts = split(pool, None)
    found = torch.cat([part.images.flatten() for part in parts.values()])
    assert sorted(found.tolist()) == list(range(200))
    assert {name: len(part) for name, part in parts.items()} == {"train": 144, "val": 16, "test": 40}
    assert parts["test"].images.flatten().tolist() == split(pool, None)["test"].images.flatten().tolist()
    folds = [split(pool, None, folds=4, fold=fold)["val"].images.flatten().tolist() for fold in range(4)]
    assert len(set(sum(folds, []))) == 160
    assert len(split(pool, None, limit=50)["train"]) == 45
