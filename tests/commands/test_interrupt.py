"""Real processes that get real signals: exit codes, what is printed, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import torch

from compare import assert_same, load, table
from processes import SIGNALS, Trainings, at, only_record, send, wait_until
from recipelab.cli import main
from recipelab.core.errors import Interrupted, UserError
from recipelab.records.listing import list_records
from recipelab.records.record import Record
from tiny_recipe import USER_TREE


@pytest.fixture
def trainings(tmp_path):
    return Trainings(tmp_path / "log.txt")


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / "outputs"


def test_the_command_that_is_printed_works_as_printed(tiny, tmp_path, monkeypatch, capsys):
    """By the shell, from a folder whose name needs quoting, with a class that only the command vouches for."""
    folder = tmp_path / "a 'quoted' folder (1)"
    folder.mkdir()
    (folder / "outside.py").write_text("from tiny_net import Smooth as Imported\n\n\nclass Net(Imported):\n    pass\n")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    words = tiny("output=runs here", "model._target_=outside.Net")
    with at("step", 8, send(signal.SIGTERM)):
        assert main(["train", *words, f"--config-dir={USER_TREE}"]) == 143
    (line,) = re.findall(r"^interrupted; go on with: recipelab (.*)$", capsys.readouterr().out, re.M)
    record = Record.open(only_record(folder / "runs here"))
    assert load(record.path)["step"] == 8
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = f"{shlex.quote(sys.executable)} -m recipelab {line}"
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "resumed at step 8" in done.stdout
    assert record.status() == "finished"


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_exit_codes_and_the_resumed_bits(trainings, tiny, outputs, train_tiny, number, code):
    assert trainings.run(*tiny(everything=True), stop=("step", 11, number)) == code
    path = only_record(outputs)
    result = json.loads((path / "result.json").read_text())
    assert (result["status"], result["reason"]) == ("interrupted", f"signal {number}")
    assert load(path)["step"] == 11
    assert trainings.run(f"trainer.resume={path}") == 0
    assert_same(path, train_tiny(everything=True).path)


@pytest.mark.parametrize(
    ("place", "count"), [("step", 11), ("replace", 7), ("fsync", 30), ("evaluation", 20), ("evaluation", 50)]
)
def test_a_killed_run_reads_as_interrupted_and_resumes_to_the_same_bits(
    trainings, tiny, outputs, train_tiny, capsys, place, count
):
    assert trainings.run(*tiny(everything=True), stop=(place, count, signal.SIGKILL)) == -signal.SIGKILL
    path = only_record(outputs)
    assert json.loads((path / "result.json").read_text())["status"] == "running"
    (row,) = list_records(outputs)
    assert (row["status"], row["path"]) == ("interrupted", str(path))
    assert main(["runs", str(outputs)]) == 0
    shown = capsys.readouterr().out
    assert "interrupted" in shown
    assert "running" not in shown
    assert trainings.run(f"trainer.resume={path}") == 0
    assert_same(path, train_tiny(everything=True).path)
    assert not [left for left in path.rglob(".*.tmp")]


def test_no_more_is_lost_than_since_the_last_checkpoint(trainings, tiny, outputs, resume):
    words = tiny("trainer.checkpoint_every=5st", "trainer.evaluate_every=2st")
    assert trainings.run(*words, stop=("step", 15, signal.SIGKILL)) == -signal.SIGKILL
    path = only_record(outputs)
    assert load(path)["step"] == 10
    assert [row["step"] for row in table(path)][-1] == "14"
    with at("step", 1, send(signal.SIGTERM)), pytest.raises(Interrupted):
        resume(path)
    assert load(path)["step"] == 11  # one step after 10: nothing in between was taken for done
    assert [row["step"] for row in table(path)] == ["2", "4", "6", "8", "10"]


def test_a_second_ctrl_c_ends_at_once_and_leaves_a_readable_record(trainings, tiny, outputs):
    """The first one comes in an evaluation that would go on for a minute; nobody waits for it."""
    words = tiny("trainer.epochs=2", "model._target_=tiny_net.Slow")
    process = trainings.start(*words)
    wait_until(lambda: "slow" in trainings.log.read_text())
    path = only_record(outputs)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert process.is_alive()
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    assert trainings.wait(process, 20) == 130
    assert time.monotonic() - began < 10
    record = Record.open(path)
    assert record.status() == "interrupted"
    assert record.result()["reason"] == "ended at once by a second Ctrl-C"
    assert "Traceback" not in trainings.log.read_text()
    assert record.config()["seed"] == 0
    assert record.metrics.rows()


def test_a_signal_before_the_record_leaves_nothing(trainings, tiny, outputs):
    """The first file that is written is the record's result: before it there is nothing to resume."""
    assert trainings.run(*tiny(), stop=("fsync", 1, signal.SIGKILL)) == -signal.SIGKILL
    assert list_records(outputs) == []
    path = only_record(outputs)
    with pytest.raises(UserError, match="is no run record"):
        Record.open(path)
    assert trainings.run(*tiny("trainer.resume=auto")) == 0
    assert len(list_records(outputs)) == 1


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7])
def test_killed_while_the_record_begins_it_can_be_listed_and_begun_again(trainings, tiny, outputs, count):
    assert trainings.run(*tiny("trainer.epochs=1"), stop=("fsync", count, signal.SIGKILL)) == -signal.SIGKILL
    assert [row["status"] for row in list_records(outputs)] in ([], ["interrupted"])
    assert trainings.run(*tiny("trainer.epochs=1", "trainer.resume=auto")) == 0
    assert [row["status"] for row in list_records(outputs)][-1] == "finished"


def test_a_full_disk_keeps_the_previous_checkpoint_and_stops_with_the_reason(trainings, tiny, outputs):
    """The size of a file is limited from a step on: what is written then ends as on a full disk."""
    words = tiny(
        "loss._target_=tiny_net.FullDisk", "loss.at=9", "~loss.label_smoothing", "trainer.checkpoint_every=4st"
    )
    assert trainings.run(*words) == 1
    path = only_record(outputs)
    said = trainings.log.read_text()
    assert "error: no space left to write" in said
    assert "the last complete checkpoint is" in said
    assert "(step 8)" in said
    assert "Traceback" not in said
    assert load(path)["step"] == 8
    assert not [left for left in path.rglob(".*.tmp")]
    record = Record.open(path)
    assert record.status() in ("failed", "interrupted")
    assert all(torch.isfinite(value).all() for value in record.load_checkpoint("last")["model"].values())


@pytest.mark.parametrize("number", SIGNALS)
def test_in_this_process_a_signal_becomes_an_exception_and_handlers_are_put_back(train_tiny, number):
    before = signal.getsignal(number)
    with at("step", 2, send(number)), pytest.raises(Interrupted) as info:
        train_tiny()
    assert info.value.signal_number == number
    assert signal.getsignal(number) is before
