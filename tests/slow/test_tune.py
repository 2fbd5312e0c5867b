"""A search that is killed, gone on with and shared, and that finds a better recipe than the default; its dashboard."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import psutil
import pytest
from optuna.trial import TrialState

from processes import wait_until
from recipelab.commands.train import train
from recipelab.records.listing import find
from recipelab.records.lock import live_holder
from recipelab.records.record import Record
from recipelab.tuning.book import origin
from recipelab.tuning.storage import url_of

TRIALS = 30
BASE = [
    "model=cnn", "trainer.epochs=3", "trainer.threads=1", "data.val_split=0.3", "logger=none",
    "result_plot=none",
]  # fmt: skip
SPACE = [
    "optimizer.lr=log(0.01,0.5)",
    "optimizer.momentum=uniform(0.5,0.98)",
    "trainer.batch_size=8,16,32,64",
    "augment=shift,none",
]
WORDS = [*BASE, *SPACE, f"trials={TRIALS}", "pruner.n_startup_trials=4", "pruner.n_warmup_steps=1", "search.at=best"]


def begin(output: Path, jobs: int = 2) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "recipelab", "tune", *WORDS, "--name=s", f"--jobs={jobs}", f"--output={output}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def trials(output: Path) -> list[optuna.trial.FrozenTrial]:
    if not (output / "s" / "search.db").is_file():
        return []
    try:
        return optuna.load_study(study_name="s", storage=url_of(output / "s")).get_trials(deepcopy=False)
    except (KeyError, optuna.exceptions.OptunaError):  # it is being made
        return []


def ended(output: Path) -> int:
    return sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials(output))


def at_work(output: Path) -> list[int]:
    """Process numbers of the trainings that have begun to train."""
    found = []
    for path in find(output / "s" / "trials"):
        holder = live_holder(path)
        if holder is not None and (path / "metrics.csv").is_file():
            found.append(holder.pid)
    return found


def kill_one(output: Path) -> bool:
    """Kill a training, and say whether the search has noticed one; one that is being pruned anyhow does not count."""
    for pid in at_work(output)[:1]:
        with contextlib.suppress(ProcessLookupError):  # it has ended just now
            os.kill(pid, signal.SIGKILL)
    time.sleep(2)
    return any(t.user_attrs.get("reason") == "ended by signal 9" for t in trials(output))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A search whose process is killed, then one of whose trainings is, and which two processes end together."""
    output = tmp_path_factory.mktemp("searches")
    started: list[subprocess.Popen[bytes]] = []
    try:
        search(output, started)
        yield output
    finally:
        for process in started:
            process.kill()
            process.wait()


def search(output: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """Begin, kill, go on, kill, stop, and let two processes end it. started: gets every process."""

    def begin_one(jobs: int = 2) -> subprocess.Popen[bytes]:
        started.append(begin(output, jobs))
        return started[-1]

    process = begin_one()
    wait_until(lambda: ended(output) >= 3 and at_work(output), 400)
    workers = children(process)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive, "a training outlived its search"
    assert any(t.state is TrialState.RUNNING for t in trials(output)), "killed while it searched"

    process = begin_one()
    wait_until(lambda: ended(output) >= 6 and at_work(output), 400)
    wait_until(lambda: kill_one(output), 120)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130

    both = [begin_one(jobs=1), begin_one(jobs=1)]
    assert [one.wait(900) for one in both] == [0, 0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_trial_is_lost_or_one_too_many(output: Path):
    found = trials(output)
    assert all(trial.state.is_finished() for trial in found)
    origins = {origin(trial) for trial in found}
    assert len(origins) == TRIALS
    assert len(found) > TRIALS, "what was lost was repeated"
    ends = [t for t in found if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert sorted(origin(t) for t in ends) == sorted(origins), "each trial ended once, in a value or pruned"
    assert len(list((output / "s" / "trials").iterdir())) == TRIALS
    summary = json.loads((output / "s" / "summary.json").read_text())
    assert summary["counts"]["finished"] + summary["counts"]["pruned"] == TRIALS
    assert summary["counts"]["pruned"] >= 3
    print(summary["counts"], "repeats", len(found) - TRIALS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_repeated_trial_went_on_with_its_record(output: Path):
    repeated = [t for t in trials(output) if origin(t) != t.number]
    records = [Record.open(path) for t in repeated for path in find(output / "s" / "trials" / f"{origin(t):04d}")]
    assert any("resumed at step" in (record.path / "train.log").read_text() for record in records)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_lockbox_was_opened_for_the_winner_alone(output: Path):
    (best,) = json.loads((output / "s" / "summary.json").read_text())["best"]
    results = {path.parent.name: Record.open(path).result() for path in find(output / "s" / "trials")}
    opened = {name: (result.get("lockbox") or {}).get("opened", 0) for name, result in results.items()}
    assert {name: count for name, count in opened.items() if count} == {f"{best:04d}": 1}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_winner_beats_the_default_on_seeds_that_the_search_has_not_seen(output: Path, tmp_path: Path):
    differences = []
    for seed in (11, 12, 13, 14, 15):
        default = train(*BASE, f"seed={seed}", f"output={tmp_path}", quiet=True)
        words = [f"seed={seed}", f"output={tmp_path}"]
        winner = train(*words, config=str(output / "s" / "best.yaml"), quiet=True)
        pair = [run.result["test"]["best"]["raw"]["accuracy"] for run in (winner, default)]
        differences.append(pair[0] - pair[1])
    print("winner - default, test accuracy:", differences)
    assert np.mean(differences) > 0
    assert sum(d > 0 for d in differences) >= 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_dashboard_opens_it(output: Path):
    pytest.importorskip("optuna_dashboard")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [str(program), "--port", str(port), url_of(output / "s")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"

        def answer(path: str) -> bytes:
            try:
                with urllib.request.urlopen(f"{address}{path}", timeout=10) as response:
                    return bytes(response.read())
            except OSError:
                return b""

        wait_until(lambda: answer("/api/studies"), 60)
        (study,) = json.loads(answer("/api/studies"))["study_summaries"]
        assert study["study_name"] == "s"
        detail = json.loads(answer(f"/api/studies/{study['study_id']}"))
        assert len(detail["trials"]) == len(trials(output))
        assert re.search(rb"<html", answer("/dashboard"), re.IGNORECASE)
    finally:
        process.terminate()
        process.wait(30)
