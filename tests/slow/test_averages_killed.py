"""Killed while means are kept, and while `recipelab average` works: the record can be read and gone on with."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from compare import assert_same, different
from processes import Trainings, at, send
from recipelab.loop.load_run import load_run
from recipelab.records.checkpoints import load
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STORE = ("averaging=ema", "averaging.decay=0.9", "trainer.epochs=3")
WORDS = ("--half-life", "1ep")


def kept(path: Path) -> dict[str, object]:
    """What is kept for averages, by name."""
    return {one.name: load(one)["model"] for one in sorted((path / "averages").glob("*.pt"))}


def _average(path: str, stop: tuple[str, int] | None, log: str) -> None:
    """`recipelab average`, killed at the `stop`-th call of a place."""
    from recipelab.cli import main

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    with at(*stop, send(signal.SIGKILL)) if stop else contextlib.nullcontext():
        code = main(["average", path, *WORDS, f"--config-dir={USER_TREE}"])
    os._exit(code)


def average(path: Path, log: Path, stop: tuple[str, int] | None = None) -> int:
    process = multiprocessing.get_context("forkserver").Process(target=_average, args=(str(path), stop, str(log)))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_while_a_training_keeps_its_means(tiny, train_tiny, tmp_path: Path, place: str):
    whole = train_tiny(*STORE, f"output={tmp_path / 'whole'}").path
    with at(place, 0, print) as calls:
        train_tiny(*STORE, f"output={tmp_path / 'counted'}")
    trainings, kills = Trainings(tmp_path / "log.txt"), 0
    for count in range(1, calls[0] + 1):
        outputs = tmp_path / f"outputs-{count}"
        again = tiny(*STORE, f"output={outputs}", "trainer.resume=auto")
        assert trainings.run(*again, stop=(place, count, signal.SIGKILL)) == -9
        for record in outputs.glob("*/result.json"):
            kept(record.parent)  # every entry that is there can be read
        found = [p.parent for p in outputs.glob("*/result.json") if Record.open(p.parent).status() == "finished"]
        if not found:
            assert trainings.run(*again) == 0
            found = [p.parent for p in outputs.glob("*/result.json") if Record.open(p.parent).status() == "finished"]
        assert_same(found[0], whole)
        assert different(kept(found[0]), kept(whole)) == []
        assert not list(found[0].rglob("*.tmp"))
        kills += 1
    assert kills > 10


@pytest.mark.parametrize("place", ["evaluation", "fsync", "replace"])
def test_while_an_average_is_made(train_tiny, tmp_path: Path, place: str):
    log = tmp_path / "log.txt"
    run = train_tiny(*STORE)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    twin = train_tiny(*STORE, f"output={tmp_path / 'twin'}")
    assert average(twin.path, log) == 0, log.read_text()
    view = "posthoc_ema_half_life_1ep"
    expected = Record.open(twin.path).averages.load_view(view)["model"]
    for count in range(1, 50):
        code = average(run.path, log, (place, count))
        if code == 0:
            break
        assert code == -9
        now = {p: p.read_bytes() for p in before}
        assert now == before, "the record was touched"
        assert set(load_run(run.path, config_dir=USER_TREE).record.checkpoints()) >= {"last", "best"}
    else:
        raise AssertionError(f"still {place} after 50 calls")
    assert count > 1, log.read_text()
    assert different(Record.open(run.path).averages.load_view(view)["model"], expected) == []
    assert average(run.path, log) == 0
