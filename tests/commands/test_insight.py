"""What a run makes of single samples: the numbers of the run, kept once, drawn from what is kept, never of the test
split without being counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab import insights, load_run, train
from recipelab.cli import main
from recipelab.commands import insight as story
from recipelab.commands.insight import insight
from recipelab.commands.insight_figures import figures, matrix
from recipelab.commands.insight_kept import decoded, encoded, read
from recipelab.core.errors import UserError
from recipelab.figures.chart import Chart, Tiles
from recipelab.loop.load_run import Run
from recipelab.metrics.per_sample import correct
from tiny_recipe import TINY, USER_TREE

FOLDER = {"config_dir": str(USER_TREE), "quiet": True}
ARRAYS = [word for word in TINY if not word.startswith(("data", "model", "select"))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small convolutional network that is wrong now and then, and an average of it."""
    root = tmp_path_factory.mktemp("runs")
    words = ("model=resnet20", "model.depth=8", "averaging=ema", "averaging.decays=[0.5]", "trainer.epochs=1")
    return train(*TINY, *words, "metrics=[ece]", f"output={root}", **FOLDER).path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    return load_run(shutil.copytree(trained, tmp_path / trained.name), config_dir=USER_TREE)


def test_its_numbers_are_those_of_the_run(run: Run) -> None:
    for view in ("raw", "ema_0.5"):
        found = insight(run, view, "last", "val")
        told = run.result["val"]["last"][view]
        one = found.classified
        assert one is not None
        counts = matrix(one, 10)
        assert counts.sum() == found.samples == 20
        assert counts.diagonal().sum() / 20 == pytest.approx(told["accuracy"])
        assert one.nll[0] == pytest.approx(told["nll"], rel=1e-5)
        assert one.ece[0] == pytest.approx(told["ece"], rel=1e-5)
        assert one.temperature is not None
        assert one.nll[1] <= one.nll[0]


def test_the_largest_losses_are_the_largest_with_their_own_images(run: Run) -> None:
    """The reference: the model asked for every sample of the split."""
    found = insight(run, "raw", "last", "val", top=5).classified
    assert found is not None
    samples = story.samples_for(story.open_all([str(run.path)], story.Ask((), None, run.config_dir), "last", print)[0],
                                story.Ask(), "val", lambda line: None).pool  # fmt: skip
    facts = run.facts
    x = ((samples.images.movedim(-1, 1) / 255 - facts.mean[0]) / facts.std[0]).float()
    with torch.no_grad():
        logits = run.model("last", "raw")(x)
    losses = torch.nn.functional.cross_entropy(logits, samples.targets, reduction="none")
    order = losses.argsort(descending=True)[:5]
    assert [one.index for one in found.losses] == order.tolist()
    assert [one.loss for one in found.losses] == pytest.approx(losses[order].tolist(), rel=1e-4)
    for one in found.losses:
        assert one.image is not None
        assert np.array_equal(decoded(one.image), samples.images[one.index].numpy())
        assert one.label == samples.targets[one.index]
        assert one.predicted == logits[one.index].argmax()
    wrong = ~correct(logits, samples.targets)
    assert sum(pair.count for pair in found.pairs) <= int(wrong.sum())
    assert all(pair.label != pair.predicted and pair.example.label == pair.label for pair in found.pairs)
    assert [pair.count for pair in found.pairs] == sorted((pair.count for pair in found.pairs), reverse=True)


def test_every_figure_is_there_and_plain_data(run: Run) -> None:
    drawn = {figure.name: figure for figure in insights(run, top=4)}
    assert list(drawn) == [
        "reliability", "confusion", "confusion_normalized", "class_accuracy", "top_losses", "most_confused", "grad_cam",
    ]  # fmt: skip
    assert isinstance(drawn["reliability"], Chart)
    assert isinstance(drawn["grad_cam"], Tiles)
    assert len(drawn["top_losses"].tiles) == 4
    assert len(drawn["grad_cam"].tiles) == 3 * 4
    assert "n = 20" in drawn["class_accuracy"].caption


def test_it_is_measured_once_and_again_when_it_is_of_something_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    real = story.measure

    def counted(*rest: Any) -> Any:
        measured.append(rest[1])
        return real(*rest)

    monkeypatch.setattr(story, "measure", counted)
    first = insight(run, "raw", top=3)
    assert insight(run, "raw", top=3) == first
    assert len(measured) == 1
    insight(run, "ema_0.5", top=3)
    insight(run, "raw", top=4)
    assert len(measured) == 3
    path = run.record.insight_path("val_best_raw")
    for text in ("{", json.dumps({**json.loads(path.read_text()), "sha256": 3}), '{"schema": 1}'):
        path.write_text(text)
        with pytest.raises(UserError, match="damaged|cannot be read"):
            read(path)
        assert insight(run, "raw", top=4).samples == 20
    assert len(measured) == 6


def test_the_test_split_is_counted_once_for_each_time_that_it_is_opened(run: Run) -> None:
    insight(run)
    assert run.record.result()["lockbox"]["opened"] == 1
    found = insight(run, split="test")
    assert found.samples == 200
    assert run.record.result()["lockbox"]["opened"] == 2
    insight(run, split="test")
    assert run.record.result()["lockbox"]["opened"] == 2, "it is kept, and was not opened again"


def test_the_temperature_of_the_test_split_is_that_of_validation(run: Run) -> None:
    mine, theirs = insight(run).classified, insight(run, split="test").classified
    assert mine is not None
    assert theirs is not None
    assert theirs.temperature == mine.temperature


def test_a_record_in_use_is_looked_at_and_left_alone_but_not_its_test_split(run: Run) -> None:
    (run.path / "lock").write_text("{}")
    said: list[str] = []
    assert insights(run, say=said.append)
    assert any("not kept in the record" in line for line in said)
    assert not run.record.insight_path("val_best_raw").exists()
    with pytest.raises(UserError, match=r"(?s)is in use.*not opened without"):
        insight(run, split="test")
    assert run.record.result()["lockbox"]["opened"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "ema_0.6"}, r"(?s)no view 'ema_0.6'.*did you mean: ema_0.5"),
        ({"view": "all"}, "one view"),
        ({"checkpoint": "first"}, "first"),
        ({"top": 0}, "--top 0"),
        ({"split": "all"}, "--split all"),
        ({"overrides": ("data.limit=100",)}, "own data"),
        ({"overrides": ("optimizer.lr=1",)}, "asked as it is"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str, run: Run) -> None:
    before = sorted(run.path.rglob("*"))
    with pytest.raises(UserError, match=message):
        insight(run, **options)
    assert sorted(run.path.rglob("*")) == before


def test_the_command_draws_what_the_function_gives(run: Run, tmp_path: Path, capsys: Any) -> None:
    words = ["samples", str(run.path), "--top", "3", "--to", str(tmp_path / "there"), "--config-dir", str(USER_TREE)]
    assert main(words) == 0
    assert {file.stem for file in (tmp_path / "there").iterdir()} == {one.name for one in insights(run, top=3)}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (tmp_path / "there").iterdir())
    said = capsys.readouterr().out
    assert "ECE" in said
    assert "Grad-CAM: output of" in said


def arrays(folder: Path, shape: tuple[int, ...], targets: int = 0) -> Path:
    """120 images of noise as .npz; of classes 0 to 2, or of so many float targets."""
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(120, targets)).astype(np.float32) if targets else rng.integers(0, 3, 120)
    np.savez(folder / "a.npz", images=rng.integers(0, 256, (120, *shape)).astype(np.uint8), targets=wanted)
    return folder / "a.npz"


@pytest.mark.parametrize("shape", [(16, 2), (4, 5, 4, 1)])
def test_without_pictures_it_says_so(shape: tuple[int, ...], tmp_path: Path) -> None:
    file = arrays(tmp_path, shape)
    words = ("model=cnn", "model.width=4", "data=arrays", f"data.root={file}", "data.channels=last")
    found = insight(train(*ARRAYS, *words, "trainer.epochs=1", f"output={tmp_path}", quiet=True))
    assert found.pictures.startswith(f"no pictures: the inputs are of {len(shape) - 1} dimension")
    assert found.classified is not None
    assert found.classified.losses[0].image is None
    assert [one.name for one in figures(found)] == [
        "reliability", "confusion", "confusion_normalized", "class_accuracy",
    ]  # fmt: skip


@pytest.mark.parametrize("targets", [1, 3])
def test_a_regression_shows_its_values(targets: int, tmp_path: Path) -> None:
    file = arrays(tmp_path, (8, 8, 1), targets)
    words = ("model=cnn", "model.width=4", "data=arrays", f"data.root={file}", "data.task=regression")
    run = train(*ARRAYS, *words, "trainer.epochs=1", f"output={tmp_path}", quiet=True)
    found = insight(run, top=4)
    one = found.regressed
    assert one is not None
    assert np.mean(one.mae) == pytest.approx(run.result["val"]["best"]["raw"]["mae"], rel=1e-5)
    assert [sum(counts) for counts in one.heights] == [found.samples] * targets
    assert one.errors[0].error == pytest.approx(np.abs(np.array(one.truth) - one.outputs).mean(0).max(), rel=1e-4)
    drawn = figures(found)
    assert [figure.name for figure in drawn] == ["parity", "residuals", "largest_errors"]
    assert isinstance(drawn[0], Chart)
    assert len(drawn[0].panels) == targets


def test_streamed_images_give_what_those_in_memory_give(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label, name in enumerate("ab"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(60):
            pixels = rng.integers(0, 128, (16, 16, 3)) + 80 * label
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{number}.png")
    words = ("model=cnn", "model.width=4", "data=imagefolder", f"data.root={tmp_path / 'photos'}", "trainer.epochs=1")
    found = []
    for storage in ("memory", "stream"):
        how = (f"data.storage={storage}", "data.cache=none", "data.num_workers=0", f"output={tmp_path}")
        run = train(*ARRAYS, *words, *how, quiet=True)
        found.append(insight(run, top=4).classified)
    assert found[0] == found[1]


def test_a_kept_picture_is_the_same_and_a_large_one_smaller(tmp_path: Path) -> None:
    for channels in (1, 3):
        image = np.random.default_rng(0).integers(0, 256, (20, 30, channels)).astype(np.uint8)
        assert np.array_equal(decoded(encoded(image)), image)
        assert decoded(encoded(image.repeat(10, 0).repeat(10, 1))).shape == (85, 128, channels)
    for text in ("", "no base64!", "aGVsbG8="):
        with pytest.raises(UserError, match="kept picture"):
            decoded(text)
