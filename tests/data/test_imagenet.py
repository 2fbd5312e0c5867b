"""The ordinary ILSVRC layout, with a few classes and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, RandomResizedCrop, Resize

from recipelab.commands.train import train
from recipelab.core.errors import UserError
from recipelab.core.generators import hash32
from recipelab.data.imagenet import CLASSES, ImageNet, english_names
from recipelab.data.rows import Pass

WNIDS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 2)):
        for wnid in WNIDS:
            (tmp_path / "ilsvrc" / part / wnid).mkdir(parents=True)
            for number in range(count):
                height, width = rng.integers(30, 60, 2)
                pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "ilsvrc" / part / wnid / f"{number}.JPEG", quality=95)
    return tmp_path / "ilsvrc"


def test_val_is_the_test_part(root: Path) -> None:
    data = ImageNet(root=str(root), image_size=16, resize_size=20)
    facts = data.facts()
    assert (facts["num_classes"], facts["image_size"], facts["class_names"]) == (3, (16, 16), WNIDS)
    lines: list[str] = []
    found, held_out = data.load(lines.append)
    assert held_out is not None
    assert (len(found), len(held_out), found.storage) == (24, 6, "stream")
    assert not any("not used" in line for line in lines)
    assert held_out.names is not None
    assert held_out.names[0] == "val/n01440764/0.JPEG"


def test_training_and_evaluation_see_what_torchvisions_reference_shows(root: Path) -> None:
    found, _ = ImageNet(root=str(root), image_size=16, resize_size=20).load(print)
    assert found.names is not None
    assert not isinstance(found.images, torch.Tensor)
    rows, what = torch.tensor([5, 2, 20]), Pass(3, "sample", 1, training=True)
    trained = torch.cat([images.clone() for images, _ in found.images.chunks(rows, 2, what)])
    evaluated = found.subset(rows).in_memory().images
    for position, row in enumerate(rows.tolist()):
        image = Image.open(root / found.names[row]).convert("RGB")
        wanted = np.asarray(Compose([Resize(20), CenterCrop(16)])(image))
        assert np.array_equal(evaluated[position], wanted)
        torch.manual_seed(hash32(3, "sample", 1, position))
        assert np.array_equal(trained[position], np.asarray(RandomResizedCrop(16, antialias=True)(image)))


def test_without_the_random_crop_it_may_live_in_memory(root: Path) -> None:
    found, _ = ImageNet(root=str(root), image_size=16, resize_size=20, crop_scale=None, cache="none").load(print)
    streamed, _ = ImageNet(root=str(root), image_size=16, resize_size=20).load(print)
    assert found.storage == "memory"
    assert torch.equal(found.images, streamed.in_memory().images)


def test_all_thousand_have_english_names() -> None:
    names = english_names()
    assert len(names) == CLASSES
    assert (names[0], names[1], names[999]) == ("tench", "goldfish", "toilet tissue")


@pytest.mark.parametrize("part", ["train", "val"])
def test_another_layout_is_refused(root: Path, part: str) -> None:
    (root / part).rename(root / "other")
    with pytest.raises(UserError, match=f"has no folder {part}/"):
        ImageNet(root=str(root)).facts()


def test_it_trains(root: Path, tmp_path: Path) -> None:
    words = ["data=imagenet", f"data.root={root}", "data.num_classes=3", "data.image_size=8", "data.resize_size=10"]
    words += ["data.num_workers=2", "trainer.steps=4", "trainer.batch_size=8", "trainer.threads=1", "model.width=4"]
    words += ["model=tiny", f"output={tmp_path / 'out'}", "logger=none", "seed=1"]
    run = train(*words, config_dir=str(Path(__file__).parent.parent / "user_tree"), quiet=True)
    assert run.result["test"]["last"]["raw"].keys() >= {"accuracy", "nll"}
    assert run.config["augment"]["padding"] == 0
