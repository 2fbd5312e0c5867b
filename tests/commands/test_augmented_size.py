"""Augmentation that changes the size of images: the network, the normalisation and the evaluation follow it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

from recipelab import predict, train
from recipelab.cli import main
from recipelab.commands.ask import Ask
from recipelab.commands.look import look
from recipelab.core.errors import UserError
from tiny_recipe import USER_TREE

RESIZED = ("augment=finetune", "augment.resize=14", "augment.crop=12", "augment.eval.resize=14", "augment.eval.crop=12")


def test_the_model_sees_the_new_size_and_augmentation_the_stored_one(tiny: Callable[..., list[str]]):
    found = look(Ask(tuple(tiny(*RESIZED)), config_dir=str(USER_TREE)))
    assert (found.facts.image_size, found.facts.stored_size) == ((12, 12), (8, 8))
    assert found.recipe.slots["augment"].kwargs["image_size"] == (8, 8)


def test_a_run_trains_and_resumes_and_comes_back(
    train_tiny: Callable[..., Any], resume: Callable[..., Any], tmp_path: Path
):
    run = train_tiny(*RESIZED, "model=resnet20", "trainer.epochs=2", "data.limit=100")
    assert run.facts.image_size == (12, 12)
    assert run.result["status"] == "finished"
    longer = resume(run.path, "trainer.epochs=3")
    assert len(longer.metrics) == 3


def test_the_picture_shows_both_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", "augment", "data=digits", *RESIZED, "--to", str(tmp_path)]) == 0
    assert (tmp_path / "augment.png").stat().st_size > 1000


def test_sizes_that_disagree_are_refused(tiny: Callable[..., list[str]]):
    with pytest.raises(UserError, match=r"augment\.eval\.crop=224: training gives images of 12 pixels"):
        look(Ask(tuple(tiny("augment=finetune", "augment.resize=14", "augment.crop=12")), config_dir=str(USER_TREE)))


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        (
            "fails",
            "raise IndexError('no such row')",
            r"augment: Mine fails on images of 8x8 \(uint8\): IndexError: no such row",
        ),
        (
            "shrinks",
            "return images[..., :4, :4]",
            r"augment: Mine makes images of 4x4 from 8x8, and has no evaluate\(images\)",
        ),
    ],
)
def test_a_class_that_cannot_augment_the_data_is_found_before_any_work(
    name: str, fault: str, message: str, tmp_path: Path
):
    (tmp_path / f"{name}.py").write_text(
        f"class Mine:\n    def draw(self, count, generator):\n        return {{}}\n"
        f"    def __call__(self, images, draws):\n        {fault}\n"
    )
    (tmp_path / "augment").mkdir()
    (tmp_path / "augment" / "mine.yaml").write_text(f"# mine\n_target_: {name}.Mine\n")
    with pytest.raises(UserError, match=message):
        look(Ask(("augment=mine",), config_dir=str(tmp_path)))


def test_grey_levels_of_float_images_are_refused_before_any_work(tmp_path: Path):
    np.savez(tmp_path / "train.npz", images=np.zeros((30, 8, 8, 1), np.float32), targets=np.arange(30) % 2)
    data = ("data=arrays", f"data.root={tmp_path}")
    with pytest.raises(UserError, match=r"works on grey levels 0 to 255, and these data are torch\.float32"):
        look(Ask((*data, "augment=randaugment")))
    assert look(Ask((*data, "augment=cutout"))).facts.image_dtype == "float32"


def test_a_declared_size_and_that_of_the_augmentation_must_agree():
    found = look(Ask((*RESIZED, "data.input_size=12")))
    assert (found.facts.image_size, found.facts.stored_size) == ((12, 12), (8, 8))
    with pytest.raises(
        UserError, match=r"data\.input_size=\[16, 16\], and augment: finetune makes images of \[12, 12\]"
    ):
        look(Ask((*RESIZED, "data.input_size=16")))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of ten images of 20x24 pixels."""
    for number in range(20):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def test_what_the_data_have_cropped_is_not_cropped_again(photos: Path):
    data = ("data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.cache=none", "augment=imagenet")
    words = (*data, "augment.size=8", "augment.policy=trivialaugment")
    once = look(Ask((*words, "data.crop_scale=[0.1,1]")))
    assert (once.facts.image_size, once.facts.stored_size, once.facts.cropped) == ((8, 8), None, True)
    augment = once.recipe.slots["augment"].build()
    assert list(augment.parts) == ["flip", "policy", "erasing"]
    assert not hasattr(augment, "evaluate")
    other = look(Ask((*words, "augment.eval.resize=10", "augment.eval.crop=8")))
    assert list(other.recipe.slots["augment"].build().parts)[0] == "crop"
    assert not other.facts.cropped


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("augment=imagenet",), r"augment\.size=224: data\.crop_scale gives crops of 8x8"),
        (
            ("augment=imagenet", "augment.size=8", "augment.area=[0.5,1]"),
            r"augment\.area has nothing .*data\.crop_scale",
        ),
        (("augment=imagenet", "augment.size=8", "augment.eval.crop=8"), r"augment\.eval has nothing .*resize_size"),
        (RESIZED, r"finetune changes the size .*\n  fix: data\.crop_scale=null, or another"),
    ],
)
def test_two_crops_are_refused(photos: Path, words: tuple[str, ...], said: str):
    data = ("data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.crop_scale=[0.1,1]")
    with pytest.raises(UserError, match=said):
        look(Ask((*data, *words)))


def test_a_run_with_crops_of_the_data_is_evaluated_on_the_middle(photos: Path, tiny: Callable[..., list[str]]):
    words = [word for word in tiny("trainer.steps=2", "trainer.batch_size=8") if not word.startswith("data")]
    words += ["data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.crop_scale=[0.1,1]"]
    words += ["augment=imagenet", "augment.size=8", "data.resize_size=12", "data.num_workers=0"]
    run = train(*words, config_dir=str(USER_TREE), quiet=True)
    model, found = run.model("last"), predict(run.path, photos, config_dir=str(USER_TREE))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (run.facts.mean, run.facts.std))
    for path, told in zip(found.paths, found.probabilities, strict=True):
        pixels = np.asarray(CenterCrop(8)(Resize(12)(Image.open(path)))).copy()
        image = torch.from_numpy(pixels).movedim(-1, 0)[None] / 255
        assert torch.allclose(model((image - mean) / std).softmax(1)[0], told, atol=1e-4)
