"""trainer.debug: quick looks at a recipe."""

from __future__ import annotations

import json
import signal

import pytest
import torch

from compare import load, table
from processes import at, only_record, send
from recipelab.commands.debug import one_batch
from recipelab.core.errors import Interrupted
from recipelab.data.pool import Pool


def test_fast_takes_a_few_steps_through_every_stage(train_tiny):
    run = train_tiny("trainer.debug=fast", "trainer.epochs=100", everything=True)
    assert [row["step"] for row in run.metrics] == [3, 6]
    assert run.result["status"] == "finished"
    assert set(run.result["test"]) == {"last", "best"}
    assert load(run.path)["step"] == 6


def test_fast_has_the_schedule_of_the_real_recipe(train_tiny):
    words = ("trainer.epochs=100", "scheduler.warmup=12st")
    fast = train_tiny("trainer.debug=fast", *words)
    assert [row["lr"] for row in fast.metrics] == pytest.approx([0.1 * 2 / 12, 0.1 * 5 / 12])


def test_fast_is_a_recipe_of_its_own(train_tiny):
    fast, real = train_tiny("trainer.debug=fast"), train_tiny()
    assert fast.result["recipe_hash"] != real.result["recipe_hash"]


def test_fast_can_be_interrupted_and_resumed(train_tiny, resume, tmp_path):
    whole = train_tiny("trainer.debug=fast", f"output={tmp_path / 'whole'}")
    with at("step", 4, send(signal.SIGINT)), pytest.raises(Interrupted):
        train_tiny("trainer.debug=fast")
    again = resume(only_record(tmp_path / "outputs"))
    assert table(again.path) == table(whole.path)


def test_overfit_learns_one_batch_by_heart_and_leaves_the_test_split_alone(train_tiny):
    run = train_tiny("trainer.debug=overfit", "trainer.steps=60", "model.dropout=0.0", "optimizer.lr=0.05")
    assert run.result["val"]["last"]["raw"]["accuracy"] == 1.0
    assert run.metrics[-1]["train_loss"] < 0.1
    assert "test" not in run.result
    splits = run.record.environment()["splits"]
    assert splits["train"] == splits["val"]
    assert splits["train"]["samples"] == 32


def test_the_batch_of_overfit_is_spread_over_the_training_samples():
    pool = Pool(torch.arange(100, dtype=torch.uint8)[:, None, None, None].contiguous(), torch.arange(100))
    pools = one_batch({"train": pool, "val": pool, "test": pool}, 10)
    assert pools["val"] is pools["train"]
    assert pools["train"].targets.tolist() == [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]
    assert len(one_batch({"train": pool}, 1000)["train"]) == 100


def test_what_is_given_wins_over_the_mode(train_tiny):
    run = train_tiny("trainer.debug=overfit", "trainer.steps=4", "lockbox=end")
    assert load(run.path)["step"] == 4
    assert "test" in run.result


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's profiler, of its own
def test_profile_leaves_a_table_and_a_trace(train_tiny):
    run = train_tiny("trainer.debug=profile")
    text = (run.path / "profile.txt").read_text()
    assert "Self CPU" in text
    assert "aten::" in text
    assert json.loads((run.path / "profile.json").read_text())["traceEvents"]
    assert "aten::" in (run.path / "train.log").read_text()
    assert "test" not in run.result
