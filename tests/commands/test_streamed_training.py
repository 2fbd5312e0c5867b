"""Trainings on images that stay in their files: the same bits however they are read, stopped, or gone on with."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from compare import assert_same, load
from processes import SIGNALS, Trainings, only_record, wait_until
from recipelab.commands.evaluate import evaluate
from recipelab.commands.train import train
from recipelab.core.errors import RunError
from recipelab.data.loader import TrainLoader
from tiny_recipe import USER_TREE


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 30 images of different sizes."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label, name in enumerate(("cat", "dog", "owl")):
        (root / name).mkdir()
        for number in range(30):
            pixels = rng.integers(0, 120, (*rng.integers(9, 20, 2), 3), np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def words(tiny, photos):
    """A tiny recipe over the photos, streamed with random crops; checkpoints in mid-epoch."""
    words = [word for word in tiny() if not word.startswith(("data.", "data="))]
    words += ["averaging=ema", "mix=mixup", "augment=baseline", "trainer.batch_size=32", "trainer.checkpoint_every=4st"]
    return [*words, "data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.crop_scale=[0.3,1]"]


def run(words, *more):
    return train(*words, *more, config_dir=str(USER_TREE), quiet=True)


def test_workers_change_no_bit_and_no_hash(words, tmp_path):
    first = run(words, "data.num_workers=0")
    for number, more in enumerate(["data.num_workers=2", "data.num_workers=3 data.prefetch=1"]):
        other = run(words, *more.split(), f"output={tmp_path / str(number)}")
        assert_same(other.path, first.path)
        assert other.result["recipe_hash"] == first.result["recipe_hash"]


def test_memory_memmap_and_stream_train_to_the_same_bits(words, tmp_path):
    words = [word for word in words if "crop_scale" not in word]
    declared = ["data.mean=[0.5,0.5,0.5]", "data.std=[0.3,0.3,0.3]", f"data.cache={tmp_path / 'cache'}"]
    runs = [
        run(words, *declared, f"data.storage={storage}", f"output={tmp_path / storage}")
        for storage in ("memory", "memmap", "stream")
    ]
    for other in runs[1:]:
        weights = [load(found.path) for found in (other, runs[0])]
        assert all(torch.equal(weights[0]["model"][name], value) for name, value in weights[1]["model"].items())
        assert other.result["test"] == runs[0].result["test"]
    storages = [found.record.environment()["splits"]["val"]["storage"] for found in runs]
    assert storages == ["memory", "memmap", "stream"]
    assert runs[0].result["recipe_hash"] == runs[1].result["recipe_hash"]


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(*item, marks=[pytest.mark.slow] * (item[1] == 143)) for item in SIGNALS.items()]
)
def test_a_stopped_stream_goes_on_in_mid_epoch_to_the_same_bits(words, tmp_path, number, code):
    trainings = Trainings(tmp_path / "log.txt")
    assert trainings.run(*words, "data.num_workers=2", stop=("step", 5, number)) == code
    path = only_record(tmp_path / "outputs")
    assert load(path)["step"] == 5
    assert "Traceback" not in trainings.log.read_text()
    train(f"trainer.resume={path}", "data.num_workers=0", config_dir=str(USER_TREE), quiet=True)
    whole = run(words, f"output={tmp_path / 'whole'}")
    assert_same(path, whole.path)


def test_a_killed_stream_leaves_no_process_and_goes_on_to_the_same_bits(words, tmp_path):
    trainings = Trainings(tmp_path / "log.txt")
    before = {process.pid for process in psutil.process_iter()}
    assert trainings.run(*words, "data.num_workers=2", stop=("step", 6, signal.SIGKILL)) == -signal.SIGKILL
    wait_until(lambda: not _workers_beside(before), seconds=10)
    path = only_record(tmp_path / "outputs")
    train(f"trainer.resume={path}", "data.num_workers=2", config_dir=str(USER_TREE), quiet=True)
    assert_same(path, run(words, f"output={tmp_path / 'whole'}").path)


def _workers_beside(before: set[int]) -> list[int]:
    """New processes that nobody is the parent of any more."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in before and process.ppid() == 1 and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.NoSuchProcess:
            pass
    return found


def test_a_resumed_epoch_does_not_read_its_first_batches_again(words, monkeypatch):
    asked = []
    epoch = TrainLoader.epoch

    def counted(self, number, start=0):
        asked.append(start)
        return epoch(self, number, start)

    monkeypatch.setattr(TrainLoader, "epoch", counted)
    begun = run(words, "data.num_workers=0", "trainer.steps=4")
    asked.clear()
    train(f"trainer.resume={begun.path}", "trainer.steps=5", config_dir=str(USER_TREE), quiet=True)
    assert asked[0] == 32 * (4 % 3)


def test_auto_stays_what_the_record_says(words, photos, monkeypatch):
    words = [word for word in words if "crop_scale" not in word]
    begun = run(words, "data.memory_limit=1KB", "data.disk_limit=1KB", "trainer.steps=4")
    assert begun.record.environment()["splits"]["train"]["storage"] == "stream"
    longer = train(
        f"trainer.resume={begun.path}",
        "trainer.steps=6",
        "data.memory_limit=auto",
        config_dir=str(USER_TREE),
        quiet=True,
    )
    assert longer.result["progress"]["step"] == 6


def test_a_file_that_breaks_ends_the_run_with_its_name_or_is_left_out(words, photos, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(photos, root)
    (root / "dog" / "3.png").write_bytes(b"\x89PNG broken")
    words = [*words, f"data.root={root}", "data.num_workers=2", "data.mean=[0.5,0.5,0.5]", "data.std=[0.3,0.3,0.3]"]
    with pytest.raises(RunError, match=r"image file 'dog/3.png': .*\n.*data.on_error=skip"):
        run(words)
    found = run(words, "data.on_error=skip", f"output={tmp_path / 'skipped'}")
    log = (found.path / "train.log").read_text()
    assert log.count("left out: image file 'dog/3.png'") == 1
    assert found.result["unreadable_samples"] == 1


def test_files_listed_in_a_table_stream_to_the_same_bits(words, photos, tmp_path):
    """Regressions too: float targets find the samples that they belong to."""
    words = [word for word in words if not word.startswith(("data=", "data.crop", "mix=", "select="))]
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    (tmp_path / "t.csv").write_text("\n".join(["path,target", *(f"{name},{n / 7}" for n, name in enumerate(names))]))
    words += ["data=csv", f"data.root={tmp_path / 't.csv'}", f"data.images={photos}", "trainer.epochs=1"]
    words += ["data.mean=[0.5,0.5,0.5]", "data.std=[0.3,0.3,0.3]", "data.cache=none"]
    first, other = (
        run(words, f"data.storage={storage}", "data.num_workers=2", f"output={tmp_path / storage}")
        for storage in ("memory", "stream")
    )
    assert first.facts.task == "regression"
    assert all(torch.equal(load(other.path)["model"][name], value) for name, value in load(first.path)["model"].items())
    assert other.result["test"] == first.result["test"]


def test_an_evaluation_leaves_out_what_cannot_be_read_and_counts_the_rest(words, photos, tmp_path, capsys):
    words = [word for word in words if "crop_scale" not in word]
    words += ["data.storage=stream", "data.on_error=skip", "data.mean=[0.5,0.5,0.5]", "data.std=[0.3,0.3,0.3]"]
    runs = [run(words, "trainer.steps=2", f"seed={seed}", f"output={tmp_path / str(seed)}") for seed in (1, 2)]
    root = tmp_path / "others"
    for part in ("train", "test"):
        shutil.copytree(photos, root / part)
    for number in range(20):  # more in a row than may stand in for one another in training
        (root / "train" / "dog" / f"{number}.png").write_bytes(b"")
    whole = shutil.copytree(root, tmp_path / "whole")
    for number in range(20):
        (whole / "train" / "dog" / f"{number}.png").unlink()
    for workers in (0, 2):
        more = (f"data.root={root}", f"data.num_workers={workers}")
        found = evaluate(*[r.path for r in runs], *more, ensemble="logits", config_dir=str(USER_TREE))
        said = capsys.readouterr().out
        assert said.count("left out: image file 'train/dog/") == 5
        assert "left out 20 of 180 samples, which cannot be read" in said
        assert (found.data["samples"], found.data["unreadable"]) == (160, 20)
        told = evaluate(*[r.path for r in runs], f"data.root={whole}", ensemble="logits", config_dir=str(USER_TREE))
        assert [row["metrics"] for row in found.rows] == [row["metrics"] for row in told.rows]
    with pytest.raises(RunError, match="train/dog/0.png.*it is empty"):
        evaluate(runs[0].path, f"data.root={root}", "data.on_error=stop", config_dir=str(USER_TREE))


def test_sampling_with_replacement(train_tiny):
    """As many draws as samples an epoch, some of them twice; otherwise every sample once."""
    seen = {}
    for replacement in (False, True):
        loader = TrainLoader(
            torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1),
            torch.arange(50),
            augment=_Nothing(),
            normalize=lambda images: images,
            batch_size=8,
            seed=1,
            sampling="replacement" if replacement else "shuffle",
        )
        epochs = [torch.cat([batch.target.first for batch in loader.epoch(number)]).tolist() for number in (0, 0, 1)]
        assert epochs[0] == epochs[1] != epochs[2]
        seen[replacement] = epochs[0]
    assert sorted(seen[False]) == list(range(50))
    assert len(seen[True]) == 50
    assert 25 < len(set(seen[True])) < 40  # 1 - 1/e of 50 is 32
    plain, drawn = train_tiny(), train_tiny("trainer.sampling=replacement")
    assert drawn.metrics[0]["train_loss"] != plain.metrics[0]["train_loss"]
    assert drawn.result["recipe_hash"] != plain.result["recipe_hash"]


class _Nothing:
    def draw(self, count, generator):
        return {}

    def __call__(self, images, draws):
        return images


def test_workers_without_anything_to_read_are_not_passed_over_in_silence(train_tiny):
    run = train_tiny("data.num_workers=2")
    assert "nothing for workers to read" in (run.path / "train.log").read_text()
