"""The Oxford-IIIT Pet layout, with a few small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from recipelab.commands.train import train
from recipelab.core.errors import UserError
from recipelab.data.pets import BREEDS, FOLDER, OxfordIIITPet
from tiny_recipe import TINY, USER_TREE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four training images and one test image a breed, of several sizes, in the published lists."""
    rng = np.random.default_rng(0)
    base = tmp_path / "data" / FOLDER
    for name in ("images", "annotations"):
        (base / name).mkdir(parents=True)
    for part, numbers in (("trainval", range(4)), ("test", range(4, 5))):
        lines = []
        for label, breed in enumerate(BREEDS, start=1):
            for number in numbers:
                name = f"{breed.replace(' ', '_')}_{number}"
                pixels = rng.integers(0, 256, (*rng.integers(20, 40, 2), 3), np.uint8)
                Image.fromarray(pixels).save(base / "images" / f"{name}.jpg")
                lines.append(f"{name} {label} 1 1")
        (base / "annotations" / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def test_parts_and_labels_are_torchvisions(root: Path) -> None:
    pools = OxfordIIITPet(root=str(root), image_size=16, cache="none").load(lambda line: None)
    for pool, split in zip(pools, ("trainval", "test"), strict=True):
        theirs = torchvision.datasets.OxfordIIITPet(root, split=split)
        assert pool is not None
        assert pool.names == [str(path.relative_to(root / FOLDER)) for path in theirs._images]
        assert pool.targets.tolist() == theirs._labels
        assert theirs.classes == list(BREEDS)


def test_it_trains(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = [word for word in TINY if not word.startswith(("data.limit", "data=", "trainer.epochs"))]
    small = ("data.image_size=16", "augment.size=8", "augment.eval={resize:10,crop:8}", f"data_root={root}")
    run = train(
        *words, "data=oxford_iiit_pet", *small, "data.val_split=0.25", "trainer.steps=2", f"output={tmp_path}",
        config_dir=USER_TREE, quiet=True,
    )  # fmt: skip
    assert run.result["status"] == "finished"
    assert len(run.result["test"]["last"]["raw"]["f1_per_class"]) == len(BREEDS)


def test_missing_files_without_a_download(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)does not hold oxford-iiit-pet/images.*data\.download=true"):
        OxfordIIITPet(root=str(tmp_path), download=False).load(pytest.fail)


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = (("http://127.0.0.1:9/images.tar.gz", "0" * 32),)
    monkeypatch.setattr(torchvision.datasets.OxfordIIITPet, "_RESOURCES", resources)
    with pytest.raises(UserError, match=r"(?s)could not be fetched.*put oxford-iiit-pet/images"):
        OxfordIIITPet(root=str(tmp_path / "root")).load(lambda line: None)
    assert list((tmp_path / "root").iterdir()) == []


def test_a_line_of_another_kind_is_named(root: Path) -> None:
    file = root / FOLDER / "annotations" / "test.txt"
    file.write_text(file.read_text() + "Abyssinian_9 38 1 1\n")
    with pytest.raises(UserError, match=r"test\.txt, line 38: .*label of 1 to 37"):
        OxfordIIITPet(root=str(root), image_size=16).load(lambda line: None)
