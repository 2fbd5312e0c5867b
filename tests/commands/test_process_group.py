"""Trainings by two processes on this machine's CPU: what must be the same as by one, and how they end."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from compare import assert_same, different, load, table
from processes import Trainings, at, only_record, send, wait_until
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, RunError, UserError
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes need two cores")

# 161 samples: 8 batches of 20, and one that holds a single sample, of which the second rank has no share.
TWO = ("trainer.devices=2", "trainer.accelerator=cpu", "data.limit=179", "trainer.batch_size=10")
ONE = ("data.limit=179", "trainer.batch_size=20")
SMOOTH = "model._target_=tiny_net.Smooth"


@pytest.fixture(autouse=True)
def _none_left():
    """Whatever happened: no process is left that was not there before, but those that serve Python itself."""
    yield
    assert ranks_alive() == []


def ranks_alive():
    """Living processes that a test, or a process it started, has forked."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            serves = "resource_tracker" in command or process.parents()[0].cmdline() != process.cmdline()
            if process.status() != psutil.STATUS_ZOMBIE and not serves:
                found.append(process)
        except psutil.Error:
            continue
    return found


def to_second_rank(number):
    """An action: the second rank gets a signal."""
    return lambda: os.kill(multiprocessing.active_children()[0].pid, number)


def gap(first, second):
    """The largest difference of a weight, relative to the largest weight of its tensor."""
    pairs = [(first[key], second[key]) for key in first if first[key].is_floating_point()]
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-12)) for a, b in pairs)


def weights(run):
    return load(run.path)["model"]


@pytest.fixture(scope="module")
def smooth_pair(tmp_path_factory):
    """By two processes and by one: augmented, accumulated, clipped, averaged; a network of single samples."""
    from recipelab.commands.train import train
    from tiny_recipe import TINY, USER_TREE

    words = (SMOOTH, "augment=baseline", "trainer.accumulate=2", "trainer.gradient_clip=0.5", "averaging=ema")
    words = (
        *TINY,
        *words,
        "metrics=[auroc]",
        "ledger=margin",
        "trainer.eval_batch_size=7",
        f"output={tmp_path_factory.mktemp('smooth')}",
    )
    return [train(*words, *how, config_dir=str(USER_TREE), quiet=True) for how in (TWO, ONE)]


def test_two_processes_train_what_one_does_to_rounding(smooth_pair):
    two, one = smooth_pair
    assert gap(weights(two), weights(one)) < 1e-5
    assert gap(load(two.path)["views"]["ema_0.9995"], load(one.path)["views"]["ema_0.9995"]) < 1e-5
    assert list(weights(two)) == list(weights(one))  # no wrapper's prefix
    assert two.result["recipe_hash"] == one.result["recipe_hash"]
    assert two.result["fingerprint"] != one.result["fingerprint"]


def test_every_sample_is_counted_once(smooth_pair):
    two, one = smooth_pair
    assert len(table(two.path)) == len(table(one.path)) > 0
    for row, other in zip(table(two.path), table(one.path), strict=True):
        assert (row["step"], row["samples"]) == (other["step"], other["samples"])
        for key in row.keys() & other.keys():
            if "accuracy" in key:
                assert float(row[key]) == float(other[key]), key
            elif "loss" in key or "nll" in key:
                assert float(row[key]) == pytest.approx(float(other[key]), rel=1e-4), key
    for split in ("train", "val", "test"):
        mine, other = (run.result[split]["last"]["raw"] for run in (two, one))
        assert mine["accuracy"] == other["accuracy"]
        assert mine["f1_per_class"] == pytest.approx(other["f1_per_class"])
        assert mine["nll"] == pytest.approx(other["nll"], rel=1e-4)
        assert mine["auroc"] == pytest.approx(other["auroc"], rel=1e-3)  # of scores that are gathered, not summed


def test_the_ledger_is_that_of_one_process(smooth_pair):
    """Every rank's share stands at its places: the margins of single samples are the same to rounding."""
    two, one = (run.ledger() for run in smooth_pair)
    assert two.head == one.head
    for view in one.views:
        assert two.steps(view).tolist() == one.steps(view).tolist()
        assert two.margin(view) == pytest.approx(one.margin(view), rel=0.01, abs=0.01)
        assert one.margin(view).std() > 0.1
        assert (two.correct(view) == one.correct(view)).all()
    two, one = (run.ledger("test") for run in smooth_pair)
    assert two.head == one.head
    for view in one.views:
        assert two.margin(view) == pytest.approx(one.margin(view), rel=0.01, abs=0.01)


def test_the_effective_batch_is_said(smooth_pair):
    said = (smooth_pair[0].path / "train.log").read_text()
    assert "steps of 40 samples (2 processes)" in said
    assert "cpu, 2 processes, 32" in said
    assert json.loads((smooth_pair[0].path / "environment.json").read_text())["execution"]["processes"] == 2


def test_stopped_by_a_signal_to_the_second_rank_and_resumed_to_the_same_bits(train_tiny, resume):
    """Everything on, batch norm and dropout too; the parameters are the same on both ranks at every forward."""
    words = (*TWO[:3], "trainer.batch_size=16", "trainer.epochs=6", "model._target_=tiny_net.SameEverywhere")
    words = (*words, "model.every=4")  # accumulated forwards, twice: the last batch of 161 samples is one of them
    whole = train_tiny(*words, everything=True)
    with at("step", 5, to_second_rank(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words, everything=True)
    assert info.value.signal_number == signal.SIGTERM
    path = info.value.resume.split("trainer.resume=")[1]
    record = Record.open(path)
    assert (record.status(), record.result()["reason"]) == ("interrupted", "signal 15")
    steps = load(record.path)["step"]
    assert 5 <= steps < load(whole.path)["step"] == 18
    with at("step", 1, send(signal.SIGINT)), pytest.raises(Interrupted):
        resume(path)
    again = resume(path)
    assert_same(whole.path, again.path)
    assert [entry["bitwise"] for entry in record.result()["resumed"]] == [True, True]


def test_parameters_that_differ_between_the_ranks_would_be_noticed(train_tiny):
    """The check in the test above can fail."""
    with pytest.raises(RunError, match=r"the ranks differ"):
        train_tiny(*TWO, "model._target_=tiny_net.SameEverywhere", "model.spoilt=true")


def test_a_layer_without_gradient_is_no_obstacle(train_tiny):
    run = train_tiny(*TWO, "model._target_=tiny_net.LeftOut", "trainer.epochs=1")
    assert run.result["status"] == "finished"


def test_what_is_frozen_and_thawed_is_trained_as_by_one_process(train_tiny):
    words = (SMOOTH, 'model.freeze=["0"]', "model.thaw=1ep")
    two, one = train_tiny(*TWO, *words), train_tiny(*ONE, *words)
    assert gap(weights(two), weights(one)) < 1e-5
    frozen = train_tiny(*ONE, SMOOTH, 'model.freeze=["0"]')
    assert not torch.equal(weights(two)["0.weight"], weights(frozen)["0.weight"])  # it has been thawed


TECHNIQUES = (*TWO, "model._target_=tiny_net.SameTechniques")


def test_with_every_technique_frozen_and_thawed_the_ranks_stay_the_same(train_tiny):
    """Stochastic depth, ShakeDrop, dropout, squeeze-and-excitation; parts that thaw are summed over the ranks too."""
    at = ("trainer.checkpoint_at=[1,9,10,18,19]", "model.freeze=[stem,layer1]", "model.thaw=[1ep,2ep]")
    run = train_tiny(*TECHNIQUES, *at)
    found = {step: load(run.path, f"step_{step}")["model"] for step in (1, 9, 10, 18, 19)}
    stem, layer, head = "stem.0.weight", "layer1.0.convs.0.weight", "fc.weight"
    assert {stem, layer, head} <= found[1].keys()
    for name, thawed in ((stem, 9), (layer, 18)):
        assert torch.equal(found[1][name], found[thawed][name])
        assert not torch.equal(found[thawed][name], found[thawed + 1][name])
    assert not torch.equal(found[1][head], found[9][head])
    with pytest.raises(RunError, match="the ranks differ"):  # the network's own check can fail
        train_tiny(*TECHNIQUES, "model.spoilt=true", "trainer.epochs=1")


def test_an_error_of_the_second_rank_is_the_runs(train_tiny, tmp_path):
    words = ("loss._target_=tiny_net.FailsOnRank", "~loss.label_smoothing", "loss.at=12", "loss.rank=1")
    with pytest.raises(RunError, match="rank 1 failed: ValueError: no more of this"):
        train_tiny(*TWO, *words, "trainer.checkpoint_every=2st")
    record = Record.open(only_record(tmp_path / "outputs"))
    assert record.status() == "failed"
    assert "no more of this" in record.result()["reason"]
    assert load(record.path)["step"] > 0


def test_a_killed_second_rank_fails_the_run_with_the_reason(train_tiny, tmp_path):
    killed = pytest.raises(RunError, match=r"rank 1 of 2 was killed by signal 9 \(SIGKILL\)")
    with at("step", 12, to_second_rank(signal.SIGKILL)), killed:
        train_tiny(*TWO, "trainer.checkpoint_every=2st")
    record = Record.open(only_record(tmp_path / "outputs"))
    assert record.status() == "failed"
    assert "SIGKILL" in record.result()["reason"]
    record.load_checkpoint("last")


def test_no_rank_outlives_a_killed_first_one(tiny, tmp_path):
    trainings = Trainings(tmp_path / "log.txt")
    process = trainings.start(*tiny(*TWO, "trainer.epochs=10000", "trainer.checkpoint_every=2st"))
    wait_until(lambda: list((tmp_path / "outputs").glob("*/checkpoints/last.pt")))
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) >= 2
    process.kill()
    assert trainings.wait(process) == -signal.SIGKILL
    wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in below), 10)
    record = Record.open(only_record(tmp_path / "outputs"))
    assert record.status() == "interrupted"
    record.load_checkpoint("last")


def test_going_on_with_another_number_of_processes_keeps_the_batch_and_says_so(train_tiny, resume, capsys):
    with at("step", 5, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*ONE, SMOOTH)
    path = info.value.resume.split("trainer.resume=")[1]
    with pytest.raises(UserError, match=r"trainer\.devices=3: .*20 samples.*\n  possible: 1, 2, 4, 5, 10, 20"):
        resume(path, "trainer.devices=3")
    with pytest.raises(UserError, match=r"trainer\.batch_size=5: a resumed run keeps its batch of 20 samples"):
        resume(path, "trainer.devices=2", "trainer.batch_size=5")
    run = resume(path, "trainer.devices=2")
    whole = train_tiny(*ONE, SMOOTH)
    assert gap(weights(run), weights(whole)) < 1e-5
    assert different(weights(run), weights(whole))
    assert (run.config["trainer"]["devices"], run.config["trainer"]["batch_size"]) == (2, 10)
    (entry,) = run.result["resumed"]
    assert entry["bitwise"] is False
    assert entry["changed"]["trainer.devices"] == ["auto", 2]
    assert run.result["recipe_hash"] == whole.result["recipe_hash"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trainer.devices=100000",), r"trainer\.devices=100000: .* there are \d+ CPU cores"),
        (("trainer.devices=30",), r"trainer\.devices=30: val has 20 samples"),
        (("trainer.devices=2", "trainer.sync_batchnorm=true"), "use trainer.sync_batchnorm=false"),
        (("trainer.devices=two",), r"trainer\.devices"),
        (
            (*TWO, "batch_schedule=regular", "batch_schedule.factor=1.5", "batch_schedule.every=1ep"),
            r"batch_schedule: a batch of 45 samples cannot be divided among 2 processes",
        ),
        (
            (*TWO, "trainer.on_out_of_memory=split"),
            r"trainer\.on_out_of_memory=split needs one process, and there are 2: .*\n  give a smaller",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(train_tiny, tmp_path, monkeypatch, words, message):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    with pytest.raises(UserError, match=message):
        train_tiny(*words)
    assert not (tmp_path / "outputs").exists()


@pytest.fixture
def photos(tmp_path):
    """Three classes of 14 images of different sizes, of which one cannot be read."""
    rng = np.random.default_rng(0)
    for number in range(42):
        path = tmp_path / "photos" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*rng.integers(9, 20, 2), 3), np.uint8)).save(path)
    path.write_bytes(b"")
    return tmp_path / "photos"


def test_streams_and_mapped_files_are_shared_by_the_ranks(train_tiny, tmp_path, photos):
    """With random crops and a file that cannot be read: the draws and what stands in are those of one process."""
    words = (SMOOTH, "data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.on_error=skip")
    words += ("augment=baseline", "trainer.epochs=2", f"data.cache={tmp_path / 'cache'}", "~data.limit")
    mapped = [train_tiny(*how, *words, "data.storage=memmap") for how in (TWO, ONE)]
    cropped = [train_tiny(*how, *words, "data.crop_scale=[0.3,1]", "data.num_workers=1") for how in (TWO, ONE)]
    for two, one in (mapped, cropped):
        assert gap(weights(two), weights(one)) < 1e-5
        assert two.result["recipe_hash"] == one.result["recipe_hash"]
        assert two.result["unreadable_samples"] == one.result["unreadable_samples"]
        for split in ("train", "val", "test"):
            mine, other = (run.result[split]["last"]["raw"] for run in (two, one))
            assert mine["nll"] == pytest.approx(other["nll"], rel=1e-4)
    storages = [run.record.environment()["splits"]["train"]["storage"] for run in (mapped[0], cropped[0])]
    assert storages == ["memmap", "stream"]
    assert cropped[0].result["unreadable_samples"] == 1
    said = (cropped[0].path / "train.log").read_text()
    assert said.count("left out: image file 'c/41.png': it is empty") == 1
    assert said.count("left out 1 samples") == 1


def test_a_regression_is_measured_by_two_processes_as_by_one(train_tiny, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.random((60, 8, 8, 1), np.float32)
    np.savez(tmp_path / "data.npz", images=images, targets=images.mean((1, 2, 3)) * 10)
    words = (SMOOTH, "data=arrays", f"data.root={tmp_path / 'data.npz'}", "~data.limit", "augment=none")
    words += ("optimizer.lr=0.001", "trainer.epochs=2", "metrics=[pearson]")
    two, one = train_tiny(*TWO, *words), train_tiny(*ONE, *words)
    assert gap(weights(two), weights(one)) < 1e-4
    for split in ("train", "val", "test"):
        mine, other = (run.result[split]["last"]["raw"] for run in (two, one))
        assert set(mine) >= {"mae", "mse", "r2", "pearson"}
        assert mine == pytest.approx(other, rel=1e-3, abs=1e-5)


def test_objects_of_this_process_are_refused_with_what_to_do(tiny, tmp_path):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    with pytest.raises(UserError, match=r"devices=2: model was given as a Python object.*\n  fix: .*devices=1"):
        train(
            *(word for word in tiny(*TWO) if word != "model=tiny"), config_dir=str(USER_TREE), quiet=True, model=model
        )
    assert not (tmp_path / "outputs").exists()


def test_the_seed_that_is_drawn_is_the_others_too(train_tiny):
    run = train_tiny(*TWO, "seed=null", "trainer.epochs=1", "model._target_=tiny_net.SameEverywhere")
    assert re.fullmatch(r"\d+", str(run.config["seed"]))
    assert torch.isfinite(weights(run)["0.weight"]).all()
