"""Stopped and killed at random, again and again, until it finishes: the bits of the run that nobody disturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from compare import assert_same, different, load, table
from processes import Trainings, at, send, wait_until
from recipelab.core.errors import Interrupted
from recipelab.records.listing import list_records
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LONG = ("trainer.epochs=30", "trainer.checkpoint_at=[33,90]")  # 180 steps
KEPT = ("last", "best", "step_33", "step_90")


@pytest.fixture
def trainings(tmp_path):
    return Trainings(tmp_path / "log.txt")


@pytest.fixture
def whole(train_tiny, tmp_path):
    """The undisturbed run of some overrides."""
    return lambda *words: train_tiny(f"output={tmp_path / 'whole'}", *words, everything=True).path


def check_readable(outputs):
    """Whatever was cut short: every record can be listed, every checkpoint loads, no row is double or missing."""
    for row in list_records(outputs):
        assert row["status"] in ("interrupted", "finished"), row
        record = Record.open(row["path"])
        for name in record.checkpoints():
            record.load_checkpoint(name)
        steps = [row["step"] for row in record.metrics.rows()]
        assert steps == list(range(3, 3 * len(steps) + 1, 3))


def statuses(outputs):
    return {row["status"] for row in list_records(outputs)}


def finished(outputs):
    """The finished record; no other holds any work: a training was gone on with, never begun anew."""
    (record,) = [Record.open(row["path"]) for row in list_records(outputs) if Record.open(row["path"]).checkpoints()]
    assert record.status() == "finished"
    return record.path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_at_random_places(trainings, tiny, tmp_path, whole, number, code):
    """At least ten stops at random steps in the middle of an epoch, of evaluations, and of files being written."""
    draw = random.Random(0)
    most = {"step": 25 if number == signal.SIGTERM else 50, "evaluation": 60, "replace": 60}
    words = tiny(*LONG, "trainer.checkpoint_every=20st", "trainer.resume=auto", everything=True)
    codes = []
    while not codes or codes[-1] != 0:
        place = draw.choice(["step", "step", "step", "evaluation", "replace"])
        codes.append(trainings.run(*words, stop=(place, draw.randint(1, most[place]), number)))
        check_readable(tmp_path / "outputs")
    assert set(codes) == {code, 0}
    assert len(codes) > 10
    assert_same(finished(tmp_path / "outputs"), whole(*LONG, "trainer.checkpoint_every=20st"), KEPT)


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {143, -15}), (signal.SIGKILL, {-9})])
def test_at_random_times(trainings, tiny, tmp_path, whole, number, codes):
    """As a person or a batch system does it: from outside, at any moment, before the first line of ours too."""
    draw, outputs = random.Random(1), tmp_path / "outputs"
    length = (*LONG, "trainer.epochs=120", "trainer.checkpoint_every=5st")
    words = tiny(*length, "trainer.resume=auto", everything=True)
    found = []
    while "finished" not in statuses(outputs):
        before, process = newest(outputs), trainings.start(*words)
        if len(found) < 20:
            if draw.random() < 0.75:  # after a start, or a checkpoint; else at once, perhaps before our first line
                wait_for_sign(process, outputs, draw.choice([None, before]))
            time.sleep(draw.uniform(0.0, 0.2))
            if process.is_alive():
                os.kill(process.pid, number)
        found.append(trainings.wait(process))
        check_readable(outputs)
    assert set(found) <= {0, *codes}
    assert len(found) > 10
    assert_same(finished(outputs), whole(*length), KEPT)


def wait_for_sign(process, outputs, checkpoint):
    """Wait for a checkpoint newer than `checkpoint`, or for the record when that is None, or for the end."""
    sign = (lambda: "running" in statuses(outputs)) if checkpoint is None else (lambda: newest(outputs) > checkpoint)
    wait_until(lambda: not process.is_alive() or sign())


def newest(outputs):
    """When a checkpoint was written last."""
    return max((path.stat().st_mtime_ns for path in outputs.glob("*/checkpoints/last.pt")), default=0)


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_killed_at_every_file_that_is_written(trainings, tiny, train_tiny, tmp_path, whole, place):
    words = ("trainer.epochs=2",)
    expected = whole(*words)
    with at(place, 0, print) as calls:
        train_tiny(f"output={tmp_path / 'counted'}", *words, everything=True)
    assert calls[0] > 10
    for count in range(1, calls[0] + 1):
        outputs = tmp_path / f"outputs-{count}"
        again = tiny(*words, f"output={outputs}", "trainer.resume=auto", everything=True)
        assert trainings.run(*again, stop=(place, count, signal.SIGKILL)) == -9
        check_readable(outputs)
        if not [row for row in list_records(outputs) if row["status"] == "finished"]:
            assert trainings.run(*again) == 0
        assert_same(finished(outputs), expected)


@pytest.mark.parametrize(
    "words",
    [
        ("model=resnet20", "trainer.threads=2", "trainer.precision=auto", "data.limit=60"),
        ("model=resnet20", "trainer.threads=1", "trainer.precision=bf16-mixed", "sam=asam", "mix=mixup"),
        ("model=resnet20", "optimizer=adamw", "averaging=ema", "loss.label_smoothing=0.1"),
        ("optimizer=adamw", "scheduler=step_effnet", "scheduler.warmup=1ep", "trainer.accumulate=3"),
        ("scheduler=multistep", "optimizer.nesterov=true", "augment=baseline", "augment.padding_mode=reflect"),
        ("model._target_=tiny_net.Fixed", "averaging=ema", "select_view=ema_0.9995", "select_metric=nll"),
        ("data.folds=3", "data.fold=1", "lockbox=closed"),
        ("data.protocol=test_as_val", "trainer.channels_last=false", "trainer.deterministic=false"),
    ],
)
def test_other_recipes_twice_and_stopped(train_tiny, resume, tmp_path, words):
    draw = random.Random(2)
    first, second = (train_tiny(f"output={tmp_path / name}", *words) for name in ("first", "second"))
    assert_same(first.path, second.path)
    with at("step", draw.randint(2, 5), send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    path = info.value.resume.split("trainer.resume=")[1]
    with at("step", draw.randint(2, 5), send(signal.SIGTERM)), pytest.raises(Interrupted):
        resume(path)
    again = resume(path)
    assert_same(first.path, again.path)
    assert all(first.result.get(split) == again.result.get(split) for split in ("train", "val", "test"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_by_the_command_line_alone(tiny, tmp_path, train_tiny, number, code):
    """No fork, nothing patched: the installed command, a signal after the first checkpoint, the command again."""
    words = [*tiny("trainer.epochs=40", "trainer.checkpoint_every=3st"), f"--config-dir={USER_TREE}"]
    command = [sys.executable, "-m", "recipelab", "train", *words, "trainer.resume=auto"]
    outputs = tmp_path / "outputs"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(lambda: list(outputs.glob("*/checkpoints/last.pt")))
    process.send_signal(number)
    assert process.wait(60) == code
    (row,) = list_records(outputs)
    assert row["status"] == "interrupted"
    assert json.loads((outputs / row["path"] / "result.json").read_text())["status"] == (
        "running" if number == signal.SIGKILL else "interrupted"
    )
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    expected = train_tiny("trainer.epochs=40", "trainer.checkpoint_every=3st", f"output={tmp_path / 'whole'}")
    assert_same(finished(outputs), expected.path)


def test_longer_equals_long_from_the_start_while_the_schedule_does_not_know(train_tiny, resume):
    """Training on is the same training only where nothing depends on the length: then it is that, to the bit."""
    words = ("scheduler=constant", "trainer.checkpoint_every=2st")
    first = train_tiny(*words, "trainer.steps=10", everything=False)
    longer = resume(first.path, "trainer.steps=25")
    whole = train_tiny(*words, "trainer.steps=25")
    assert different(load(whole.path)["model"], load(longer.path)["model"]) == []
    assert table(whole.path)[-1] == table(longer.path)[-1]
    cosine = train_tiny("trainer.steps=10")
    other = resume(cosine.path, "trainer.steps=25")
    assert different(load(train_tiny("trainer.steps=25").path)["model"], load(other.path)["model"])
    assert other.result["resumed"][0]["bitwise"] is False
    assert torch.isfinite(load(other.path)["model"]["0.weight"]).all()
