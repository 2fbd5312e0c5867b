"""A study that is killed at random times, again and again: nothing finished runs twice, nothing is lost or corrupt."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from compare import assert_same
from recipelab.records.record import Record

KILLS = 21
CONTENT = {
    "control": [
        "model=cnn", "model.width=4", "data.limit=600", "trainer.batch_size=16", "trainer.threads=1",
        "trainer.epochs=30", "trainer.checkpoint_every=2ep", "result_plot=none", "logger=none", "mix=mixup",
    ],
    "seeds": [1, 2],
    "grid": {
        "scheduler": {"multistep": ["scheduler=multistep"], "constant": ["scheduler=constant"]},
        "average": {"none": [], "ema": ["averaging=ema", "averaging.decay=0.9", "select_view=ema_0.9"]},
    },
}  # fmt: skip


def begin(file: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "recipelab", "study", str(file), "--jobs", "2", "--output", str(output)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def finished(output: Path) -> dict[str, float]:
    """Finished records and when they were finished."""
    found = {}
    for path in output.glob("study/runs/*/*/result.json"):
        if json.loads(path.read_text())["status"] == "finished":
            found[str(path.parent)] = path.stat().st_mtime
    return found


def kill(process: subprocess.Popen[bytes], kind: str, chance: random.Random) -> None:
    """Kill the study, one of its trainings, or all of them at once; nothing may be left of it a minute later."""
    workers = family(process)
    if kind == "worker" and workers:
        chance.choice(workers).kill()
        time.sleep(chance.uniform(0, 2))
        process.terminate()
    elif kind == "group":
        for child in (*workers, psutil.Process(process.pid)):
            child.kill()
    else:
        process.kill()
    process.wait(timeout=120)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive, "a training outlived its study"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_again_and_again(tmp_path: Path):
    file, chance = tmp_path / "study.yaml", random.Random(0)
    file.write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    quiet = tmp_path / "undisturbed"
    assert begin(file, quiet).wait() == 0
    output, kills, done = tmp_path / "killed", 0, {}
    while kills < KILLS:
        process = begin(file, output)
        deadline = time.monotonic() + chance.uniform(4, 25)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        if process.poll() is None:
            kill(process, ("runner", "worker", "group")[kills % 3], chance)
            kills += 1
        now = finished(output)
        assert all(now.get(path) == stamp for path, stamp in done.items()), "a finished run was run again"
        done = now
        if process.returncode == 0:
            for path in output.glob("study/runs/*"):  # begin the study anew, the kills go on
                os.rename(path, path.with_name(f".old_{kills}_{path.name}"))
            done = {}
    while begin(file, output).wait() != 0:
        pass
    mine = sorted(output.glob("study/runs/[!.]*/*/result.json"))
    theirs = sorted(quiet.glob("study/runs/*/*/result.json"))
    complete = [path for path in mine if Record.open(path.parent).status() == "finished"]
    assert [path.parent.parent.name for path in complete] == [path.parent.parent.name for path in theirs]
    for ours, other in zip(complete, theirs, strict=True):
        assert_same(ours.parent, other.parent)
