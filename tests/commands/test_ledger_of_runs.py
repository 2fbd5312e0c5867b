"""The ledger of whole trainings: it tells what metrics.csv tells, also after kills, and of single samples."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

from processes import at, send
from recipelab.core.errors import Interrupted, UserError
from recipelab.loop.load_run import load_run
from recipelab.records.metrics_file import MetricsFile

BANK = ("averaging=ema", "averaging.decays=[0.9,0.99]")
VIEWS = ["raw", "ema_0.9", "ema_0.99"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with everything on and a ledger of margins, never stopped."""
    from recipelab.commands.train import train
    from tiny_recipe import EVERYTHING, TINY, USER_TREE

    words = (*TINY, *EVERYTHING, "ledger=margin", f"output={tmp_path_factory.mktemp('whole')}")
    return train(*words, config_dir=str(USER_TREE), quiet=True)


def test_its_accuracy_is_that_of_every_row_of_metrics(whole):
    ledger, rows = whole.ledger(), [row for row in whole.metrics if row["val_raw_accuracy"] is not None]
    assert ledger.views == VIEWS
    for view in VIEWS:
        assert ledger.steps(view).tolist() == [row["step"] for row in rows]
        assert np.allclose(ledger.correct(view).mean(1), [row[f"val_{view}_accuracy"] for row in rows])
        assert ((ledger.margin(view) > 0) == ledger.correct(view)).all()  # no two logits are equal here


def test_its_head_names_the_split_and_a_recipe_says_its_kind(whole):
    said = json.loads((whole.path / "environment.json").read_text())["splits"]["val"]
    head = whole.ledger().head
    assert (head.samples, head.sha256, head.kind) == (said["samples"], said["sha256"], "margin")
    assert whole.config["ledger"] == "margin"


@pytest.mark.parametrize("place", [("evaluation", 3), ("fsync", 40)])
def test_a_stopped_and_resumed_run_leaves_the_same_bytes(whole, train_tiny, resume, tmp_path, place):
    """Stopped in the middle of an evaluation, and at a write; with half a row at the end, as a kill may leave it."""
    with at(*place, send(signal.SIGTERM)), pytest.raises(Interrupted):
        train_tiny("ledger=margin", everything=True)
    (path,) = (tmp_path / "outputs").iterdir()
    with open(path / "ledger_val.bin", "ab") as file:
        file.write(b"\x07" * 20)
    load_run(path).ledger()  # readable as it is
    resume(path)
    assert (path / "ledger_val.bin").read_bytes() == (whole.path / "ledger_val.bin").read_bytes()


def test_rows_of_a_course_that_is_taken_again_are_dropped(whole, train_tiny, resume, tmp_path, monkeypatch):
    """Ended between the ledger's rows and that of metrics: they are there already, and must not be twice."""

    def die(self, row):
        raise OSError("killed here")

    monkeypatch.setattr(MetricsFile, "append", die)
    with pytest.raises(OSError, match="killed here"):
        train_tiny("ledger=margin", everything=True)
    monkeypatch.undo()
    (path,) = (tmp_path / "outputs").iterdir()
    assert len(load_run(path).ledger().steps("raw")) == 1
    resume(path)
    assert (path / "ledger_val.bin").read_bytes() == (whole.path / "ledger_val.bin").read_bytes()


def test_runs_of_other_seeds_are_of_the_same_samples_and_other_splits_are_not(train_tiny):
    first, second = train_tiny("trainer.epochs=1"), train_tiny("trainer.epochs=1", "seed=5")
    other = train_tiny("trainer.epochs=1", "data.split_seed=5")
    first.ledger().require_same_samples(second.ledger())
    with pytest.raises(UserError, match="of other samples"):
        first.ledger().require_same_samples(other.ledger())


def test_it_is_no_part_of_what_is_trained(train_tiny):
    with_bits, without = train_tiny("trainer.epochs=1"), train_tiny("trainer.epochs=1", "ledger=none")
    assert with_bits.result["recipe_hash"] == without.result["recipe_hash"]
    assert with_bits.ledger().head.kind == "correct"
    with pytest.raises(UserError, match="kept no ledger"):
        without.ledger()


def test_a_resumed_run_keeps_its_kind(train_tiny, resume):
    run = train_tiny("trainer.epochs=1")
    with pytest.raises(UserError, match=r"ledger: recorded 'correct', asked for 'none'"):
        resume(run.path, "trainer.epochs=2", "ledger=none")
    longer = resume(run.path, "trainer.epochs=2")
    assert len(longer.ledger().steps()) == 2


def test_what_does_not_fit_the_task_is_refused(train_tiny, tmp_path):
    with pytest.raises(UserError, match=r"ledger=error has nothing to keep of a classification"):
        train_tiny("ledger=error")
    with pytest.raises(UserError, match="ledger='corect'"):
        train_tiny("ledger=corect")
    assert not (tmp_path / "outputs").exists()
