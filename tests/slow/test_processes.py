"""Two processes, stopped and killed at random: none outlives the others, and every record can be gone on with."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from compare import assert_same, different, load
from processes import Trainings, wait_until
from recipelab.records.listing import list_records
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes need two cores"),
]

TWO = ("trainer.devices=2", "trainer.accelerator=cpu", "trainer.batch_size=16")
LENGTH = ("trainer.epochs=40", "trainer.checkpoint_every=2st")


def ranks_of(pid):
    """The training processes below `pid`: those that a fork server has forked."""
    below = psutil.Process(pid).children(recursive=True)
    return [child for child in below if child.parent().cmdline() == child.cmdline() and child.parent().pid != pid]


def alive(processes):
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("victim", ["first", "second"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_whoever_is_hit_all_end_and_the_run_goes_on_to_the_same_bits(tiny, train_tiny, tmp_path, number, victim):
    """Five times each, twenty in all; then to the end, and the bits of the run that nobody disturbed."""
    draw = random.Random(f"{number}{victim}")
    trainings, outputs = Trainings(tmp_path / "log.txt"), tmp_path / "outputs"
    words = tiny(*TWO, everything=True)
    words = [*words, *TWO, *LENGTH, "trainer.resume=auto"]
    for _ in range(5):
        before = newest(outputs)
        process = trainings.start(*words)
        wait_until(lambda before=before: newest(outputs) > before, 120)
        time.sleep(draw.uniform(0.0, 0.3))
        (second,) = ranks_of(process.pid)
        below = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid if victim == "first" else second.pid, number)
        began = time.monotonic()
        code = trainings.wait(process)
        wait_until(lambda below=below: not alive(below), 15)
        assert time.monotonic() - began < 30
        killed_first = number == signal.SIGKILL and victim == "first"
        assert code == (-9 if killed_first else 143 if number == signal.SIGTERM else 1)
        (row,) = list_records(outputs)
        record = Record.open(row["path"])
        failed = number == signal.SIGKILL and victim == "second"
        assert record.status() == ("failed" if failed else "interrupted")
        assert "SIGKILL" in record.result()["reason"] if failed else True
        record.load_checkpoint("last")
    assert trainings.run(*words) == 0
    whole = train_tiny(*TWO, *LENGTH, f"output={tmp_path / 'whole'}", everything=True)
    assert_same(record.path, whole.path)


def newest(outputs):
    """When a checkpoint was written last."""
    return max((path.stat().st_mtime_ns for path in outputs.glob("*/checkpoints/last.pt")), default=0)


def torchrun(*words):
    """The command line, as torchrun starts it twice."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29717"]
    return [*launcher, "-m", "recipelab", "train", *words, f"--config-dir={USER_TREE}"]


def test_under_torchrun_it_is_the_same_training(tiny, train_tiny, tmp_path):
    words = tiny(everything=True)
    done = subprocess.run(torchrun(*words, *TWO[1:]), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("record: ") == 1  # one of the two prints
    (row,) = list_records(tmp_path / "outputs")
    whole = train_tiny(*TWO, f"output={tmp_path / 'whole'}", everything=True)
    assert_same(Record.open(row["path"]).path, whole.path)


def test_torchrun_that_is_stopped_leaves_an_interrupted_record(tiny, tmp_path):
    words = tiny(*TWO[1:], *LENGTH, "trainer.epochs=4000", everything=True)
    process = subprocess.Popen(torchrun(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: newest(tmp_path / "outputs"), 120)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    wait_until(lambda: not alive(below), 40)
    (row,) = list_records(tmp_path / "outputs")
    assert row["status"] == "interrupted"
    Record.open(row["path"]).load_checkpoint("last")


def test_twice_the_same_bits(train_tiny, tmp_path):
    words = (*TWO, "model=resnet20", "trainer.precision=bf16-mixed")
    first, second = (train_tiny(f"output={tmp_path / name}", *words, everything=True) for name in ("first", "second"))
    assert different(load(first.path), load(second.path)) == []
