"""`recipelab show`: which parts, of which data, into which files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab.cli import main
from recipelab.commands import show as module
from recipelab.commands.ask import Ask
from recipelab.commands.show import _photographs, show
from recipelab.commands.sizes import KNOWN_SAMPLES
from recipelab.core.errors import UserError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("something was fetched"))


def shown(capsys: Capture, *overrides: str, parts: tuple[str, ...] = (), to: str = "to") -> str:
    show(Ask(overrides), parts, to)
    return capsys.readouterr().out


def pictures() -> set[str]:
    return {path.name for path in Path("to").glob("*")}


# which parts


def test_everything_by_default(capsys: Capture):
    out = shown(capsys)
    assert pictures() == {"schedule.png", "augment.png"}
    assert "layer3" in out
    assert "learning rate: " in out


@pytest.mark.parametrize(
    ("overrides", "files"),
    [
        (["model=resnet32"], set()),
        (["scheduler.warmup=1ep"], {"schedule.png"}),
        (["augment=baseline", "model.initialization=default"], {"augment.png"}),
        (["~augment.padding", "optimizer=adamw"], {"augment.png"}),
    ],
)
def test_the_parts_that_the_words_name(overrides: list[str], files: set[str], capsys: Capture):
    out = shown(capsys, *overrides)
    assert pictures() == files
    assert ("layer3" in out) == any("model" in word for word in overrides)


def test_the_parts_that_are_asked_for(capsys: Capture):
    assert main(["show", "scheduler", "model=resnet32", "--to", "to"]) == 0
    assert pictures() == {"schedule.png"}
    assert "layer3" not in capsys.readouterr().out


def test_a_part_that_there_is_not(capsys: Capture):
    assert main(["show", "modle"]) == 2
    assert capsys.readouterr().err == (
        "error: show modle: there is no such part\n  did you mean: show model\n"
        "  parts: model, param_groups, scheduler, augment\n"
    )
    assert list(Path().iterdir()) == []


def test_deleting_a_key_is_no_part(capsys: Capture):
    assert main(["show", "model", "~model.initialization"]) == 0


# the model


def test_the_model_needs_no_data_and_writes_nothing(capsys: Capture):
    out = shown(capsys, "data=cifar10", "model=resnet20", parts=("model",))
    assert "269,722 parameters are trained; FLOPs are of one forward of one image of 32x32" in out
    (layer,) = [line for line in out.splitlines() if "layer2" in line]
    assert layer.split() == ["layer2", "Stage", "32x16x16", "51,072", "25,952,256", "0.38", "MiB"]
    assert list(Path().iterdir()) == []


def test_generators_are_left_as_they_were(capsys: Capture):
    before = torch.get_rng_state()
    shown(capsys, parts=("model", "augment"))
    assert torch.equal(torch.get_rng_state(), before)


# the schedule


def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple]:
    """What is handed to the figures, by figure."""
    found: dict[str, tuple] = {}
    monkeypatch.setattr(module, "schedule_chart", lambda *given: given)
    monkeypatch.setattr(module, "write", lambda given, path: found.update(schedule=(*given, path)))
    monkeypatch.setattr(module, "contact_sheet", lambda *given: found.update(augment=given))
    return found


def test_the_schedule_of_data_that_are_here(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    found = drawn(monkeypatch)
    out = shown(capsys, "scheduler=linear", "scheduler.warmup=2ep", "trainer.epochs=10", "trainer.batch_size=100")
    rates, steps_per_epoch, title, momenta, path = found["schedule"]
    assert momenta is None
    assert steps_per_epoch == 13  # 1,797 digits, less 20 %, less 10 %
    assert rates["linear"].shape == (130,)
    assert rates["linear"][26] == pytest.approx(0.1)
    assert (path, title) == (Path("to/schedule.png"), "linear, 10 epochs, warm-up 2ep")
    assert "linear: 10 epochs, 130 steps, 13 an epoch (1,294 training samples)" in out
    assert "learning rate: first 0, peak 0.1 at step 26, last 0.0009615" in out


def test_the_learning_rate_is_the_optimizers_own(capsys: Capture):
    assert "peak 0.001 at" in shown(capsys, "optimizer=adamw", parts=("scheduler",))


def test_the_schedule_of_data_of_a_published_size(capsys: Capture):
    out = shown(capsys, "data=cifar10", parts=("scheduler",))
    assert "200 epochs, 70,400 steps, 352 an epoch (45,000 training samples, by the published size)" in out
    out = shown(capsys, "data=cifar100", "data.protocol=test_as_val", "data.limit=1000", parts=("scheduler",))
    assert "8 an epoch (1,000 training samples, by the published size)" in out


def test_the_published_sizes_are_of_classes_that_exist():
    for path in KNOWN_SAMPLES:
        name, _, kind = path.rpartition(".")
        assert hasattr(__import__(name, fromlist=[kind]), kind)


def test_the_schedule_of_data_that_nobody_counted(capsys: Capture):
    folder = ("data=imagefolder", "data.root=away", "data.num_classes=3", "data.image_size=32")
    out = shown(capsys, *folder, "trainer.epochs=3", parts=("scheduler",))
    assert "3 epochs, 300 steps, 100 an epoch (assumed: the data are not here to be counted)" in out


def test_a_split_that_cannot_be_is_no_matter_of_data_that_are_not_here(capsys: Capture):
    with pytest.raises(UserError, match="data.limit=5 is less than one sample for each of 10 classes"):
        shown(capsys, "data.limit=5", parts=("scheduler",))


# the augmentation


def test_augmented_samples_of_the_data(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    found = drawn(monkeypatch)
    shown(capsys, "augment=none", "seed=3")
    originals, draws, path, title, captions = found["augment"]
    assert (originals.shape, draws.shape) == ((8, 8, 8, 1), (8, 8, 8, 8, 1))
    assert (draws == originals[:, None]).all()  # a row belongs to its original
    assert len({image.tobytes() for image in originals}) == 8
    assert (path, title, captions) == (Path("to/augment.png"), "NoAugment() on Digits", [])
    shown(capsys, "augment=baseline", "augment.flip=0", "seed=3")
    first = found["augment"][1]
    assert len(found["augment"][4]) == 64
    assert any("crop" in caption for caption in found["augment"][4])
    assert found["augment"][3] == "Baseline(padding=4, padding_mode=zeros, flip=0.0) on Digits"
    assert len({image.tobytes() for image in first[0]}) > 4
    shown(capsys, "augment=baseline", "augment.flip=0", "seed=3")
    assert (found["augment"][1] == first).all()
    shown(capsys, "augment=baseline", "augment.flip=0", "seed=4")
    assert not (found["augment"][1] == first).all()


def test_photographs_stand_in_for_data_that_are_not_here(capsys: Capture):
    out = shown(capsys, "data=cifar10", "augment=baseline")
    assert "data.root='data' does not hold the files" in out
    assert "two photographs that come with scikit-learn, cut into tiles, stand in" in out
    assert not Path("data").exists()
    with Image.open("to/augment.png") as picture:
        picture.verify()


@pytest.mark.parametrize(("size", "channels"), [((32, 32), 3), ((8, 24), 1), ((300, 200), 3), ((5, 5), 4)])
def test_photographs_take_the_shape_of_the_data(size: tuple[int, int], channels: int):
    tiles = _photographs(size, channels)
    assert tiles.shape == (8, *size, channels)
    assert tiles.dtype == torch.uint8
    assert tiles.is_contiguous()
    assert len(torch.unique(tiles.flatten(1).float().mean(1))) == 8
    if channels != 3:
        assert (tiles == tiles[..., :1]).all()


def test_a_folder_of_images_that_is_here_is_read(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    found = drawn(monkeypatch)
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (Path("photos") / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(f"photos/{name}/{i}.png")
    shown(capsys, "data=imagefolder", "data.root=photos", "data.cache=none", "augment=none")
    assert found["augment"][3] == "NoAugment() on ImageFolder"
    assert found["augment"][0].shape == (8, 8, 8, 3)


# where to


def test_the_folder_is_made_and_its_files_replaced(capsys: Capture):
    out = shown(capsys, parts=("scheduler",), to="some/where")
    assert "wrote some/where/schedule.png" in out
    first = Path("some/where/schedule.png").read_bytes()
    shown(capsys, "scheduler=constant", parts=("scheduler",), to="some/where")
    assert Path("some/where/schedule.png").read_bytes() != first
    assert [path.name for path in Path("some/where").iterdir()] == ["schedule.png"]


def test_a_folder_that_cannot_be(capsys: Capture):
    Path("file").touch()
    for to in ("file", "file/below"):
        assert main(["show", "scheduler", "--to", to]) == 2
        assert capsys.readouterr().err.startswith(f"error: --to {to}: ")


def test_a_picture_that_cannot_be_written(capsys: Capture):
    Path("to/schedule.png").mkdir(parents=True)
    assert main(["show", "scheduler", "--to", "to"]) == 2
    assert capsys.readouterr().err.startswith("error: --to to: ")
    assert pictures() == {"schedule.png"}


def test_float_images_are_shown_from_black_to_white(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.linspace(-3, 5, 12 * 64, dtype=np.float32).reshape(12, 8, 8)
    np.savez("data.npz", images=values, targets=np.arange(12) % 2)
    show(Ask(("data=arrays", "data.root=data.npz", "augment=shift")), ["augment"], ".")
    with Image.open("augment.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.min() < 30
    assert pixels.max() > 225
    assert len(np.unique(pixels)) > 100
