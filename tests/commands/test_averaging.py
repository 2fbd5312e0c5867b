"""Averages in whole trainings: nothing is fed back, a resume changes no bit, every view has a course of its own."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch

from averages import clock
from compare import assert_same, different, load, table
from processes import at, send
from recipelab.averaging.ema import Ema
from recipelab.averaging.last_k import LastK
from recipelab.averaging.swa import Swa
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, UserError
from recipelab.loop.load_run import load_run
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

# 6 steps an epoch, 18 in all.
EVERY_KIND = (
    "averaging=ema",
    "averaging.decays=[0.5,0.9]",
    "averaging.half_life=[1ep]",
    "averaging.averages={swa:{kind:swa,start:50%,every:2st},last_2:{kind:last_k,k:2},late:{kind:ema,decay:0.9,debias:true,interval:2,start:1ep},warm:{kind:ema,warmup:timm}}",
    "averaging.buffers=recompute",
    "averaging.recompute_batches=3",
    *("augment=baseline", "scheduler=constant", "optimizer.lr=0.5"),
)
KINDS = {
    "ema_0.5": Ema(decay=0.5),
    "ema_0.9": Ema(decay=0.9),
    "ema_half_life_1ep": Ema(half_life="1ep"),
    "swa": Swa(start="50%", every="2st"),
    "last_2": LastK(k=2),
    "late": Ema(decay=0.9, debias=True, interval=2, start="1ep"),
    "warm": Ema(warmup="timm"),
}
VIEWS = ["raw", "ema_0.5", "ema_0.9", "ema_half_life_1ep", "swa", "last_2", "late", "warm"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training with every kind of average."""
    from tiny_recipe import TINY

    words = (*TINY, *EVERY_KIND, "trainer.checkpoint_every=4st", f"output={tmp_path_factory.mktemp('whole')}")
    return train(*words, config_dir=str(USER_TREE), quiet=True)


def test_no_average_changes_a_bit_of_the_raw_training(whole, train_tiny):
    plain = train_tiny(*EVERY_KIND[-3:], "trainer.checkpoint_every=4st")
    for key in ("model", "optimizer", "step_log"):
        assert different(load(plain.path)[key], load(whole.path)[key]) == []
    assert plain.result["fingerprint"] == whole.result["fingerprint"]
    for one, other in zip(table(plain.path), table(whole.path), strict=True):
        assert one.items() <= other.items()
    for split in ("train", "val", "test"):
        assert different(plain.result[split]["best"]["raw"], whole.result[split]["best"]["raw"]) == []


@pytest.mark.parametrize(("place", "count"), [("step", 10), ("evaluation", 4), ("checkpoint", 9)])
def test_going_on_in_the_middle_changes_no_bit(whole, train_tiny, resume, place, count):
    """In mid-epoch, in the evaluation of an average, between the best checkpoints of two views."""
    with at(place, count, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*EVERY_KIND, "trainer.checkpoint_every=4st")
    again = resume(info.value.resume.split("trainer.resume=")[1])
    assert_same(whole.path, again.path)
    assert again.result["resumed"][0]["bitwise"]


def test_an_error_while_an_average_is_evaluated_loses_nothing(whole, train_tiny, resume, tmp_path):
    def fail():
        raise RuntimeError("in the evaluation")

    with at("evaluation", 5, fail), pytest.raises(RuntimeError, match="in the evaluation"):
        train_tiny(*EVERY_KIND, "trainer.checkpoint_every=4st")
    (path,) = (tmp_path / "outputs").iterdir()
    assert Record.open(path).status() == "failed"
    assert_same(whole.path, resume(path).path)


def test_each_view_keeps_its_own_best(whole):
    rows = whole.metrics
    steps = {}
    for view in VIEWS:
        best = min(rows, key=lambda row: (-row[f"val_{view}_accuracy"], row[f"val_{view}_nll"]))
        kept = load(whole.path, "best" if view == "raw" else f"best_{view}")
        assert (kept["step"], kept["view"]) == (best["step"], view)
        assert whole.result["val"]["best"][view]["nll"] == best[f"val_{view}_nll"]
        model = load_run(whole.path, config_dir=USER_TREE).model("best", view)
        assert different(dict(model.state_dict()), dict(kept["model"])) == []
        steps[view] = best["step"]
    assert whole.weights("best")[1] == steps
    assert set(whole.weights("last")[1].values()) == {18}
    assert len(set(steps.values())) > 1, "the test needs a recipe of which the views differ"


def test_the_last_checkpoint_holds_what_was_evaluated(whole):
    row = whole.metrics[-1]
    for view in VIEWS:
        assert row[f"val_{view}_nll"] == whole.result["val"]["last"][view]["nll"]
        assert different(dict(whole.model("last", view).state_dict()), dict(whole.weights("last")[0][view])) == []


def test_the_ledger_of_the_test_split_has_what_the_lockbox_measured(whole):
    ledger, steps = whole.ledger("test"), whole.weights("best")[1]
    assert ledger.head.sha256 == whole.record.split_digests()["test"]
    assert set(ledger.views) == {f"{view}@{name}" for view in VIEWS for name in ("last", "best")}
    for view in VIEWS:
        for name in ("last", "best"):
            (correct,) = ledger.correct(f"{view}@{name}")
            assert correct.mean() == pytest.approx(whole.result["test"][name][view]["accuracy"], abs=1e-12)
        assert ledger.steps(f"{view}@best").tolist() == [steps[view]]
        assert ledger.steps(f"{view}@last").tolist() == [18]


def test_without_a_lockbox_there_is_no_ledger_of_the_test_split(train_tiny):
    for words in (("lockbox=closed",), ("ledger=none",)):
        run = train_tiny("trainer.epochs=1", *words)
        with pytest.raises(UserError, match="kept no ledger"):
            run.ledger("test")


def test_batch_statistics_are_recomputed_of_each_average(whole):
    views = load(whole.path)["views"]
    means = [views[view]["1.running_mean"] for view in VIEWS[1:]] + [load(whole.path)["model"]["1.running_mean"]]
    assert all(not torch.equal(a, b) for i, a in enumerate(means) for b in means[i + 1 :])


def test_the_opening_tells_what_is_averaged(whole):
    said = (whole.path / "train.log").read_text()
    assert "ema_0.9: decay 0.9, half-life 6.579 steps = 1.1 epochs = 36.55% of the run, window 10 steps" in said
    assert "15% of the initial weights are left at the end" in said
    assert "ema_half_life_1ep: decay 0.890899, half-life 6 steps" in said
    assert "swa: the mean of 5 weights, every 2st from step 9 on" in said
    assert "bank: 9 rows, one of them the running epoch's mean" in said
    assert "batch statistics: recomputed" in said


def test_averages_may_be_evaluated_less_often(train_tiny):
    run = train_tiny("averaging=swa", "averaging.evaluate_every=2ep", "trainer.evaluate_every=3st")
    told = {row["step"]: (row["val_raw_nll"] is not None, row["val_swa_nll"] is not None) for row in run.metrics}
    assert told == {
        3: (True, False),
        6: (True, False),
        9: (True, False),
        12: (True, True),
        15: (True, False),
        18: (True, True),
    }


@pytest.mark.parametrize(
    ("averaging", "view"),
    [("ema", "ema_0.9995"), ("swa", "swa"), ("last_k", "last_5")],
)
def test_selection_stopping_and_plateau_watch_any_view(train_tiny, averaging, view):
    run = train_tiny(
        f"averaging={averaging}",
        f"select_view={view}",
        "early_stopping=patience",
        f"early_stopping.view={view}",
        "early_stopping.patience=1",
        "early_stopping.min_delta=1",
        "scheduler=plateau",
        f"scheduler.view={view}",
        "trainer.epochs=5",
    )
    assert run.result["stopped_early"] == 12
    assert run.result["headline"]["view"] == view
    assert run.result["headline"]["accuracy"] == run.result["test"]["best"][view]["accuracy"]


def test_the_stores_alone_need_no_view(train_tiny):
    run = train_tiny("averaging=store", "trainer.epochs=1")
    assert list(run.result["test"]["last"]) == ["raw"]
    assert list(load(run.path)["bank"]["rows"]) == ["epoch_mean"]
    run = train_tiny("averaging=ema", "averaging.store=false", "trainer.epochs=1")
    assert list(load(run.path)["bank"]["rows"]) == ["ema_0.9995"]


def test_a_growing_batch_keeps_half_lives_and_epochs(train_tiny):
    words = (
        "batch_schedule=milestones",
        "batch_schedule.milestones=[1ep]",
        "averaging=last_k",
        "averaging.half_life=1ep",
    )
    run = train_tiny(*words, "averaging.averages.last_5.k=2")
    steps = load(run.path)["step"]
    assert steps < 18
    assert load(run.path)["bank"]["step"] == steps


def test_less_than_a_step_is_refused_before_anything_is_written(train_tiny, tmp_path):
    with pytest.raises(UserError, match=r"averaging.half_life=1% is less than a step"):
        train_tiny("averaging=ema", "averaging.half_life=1%")
    assert not (tmp_path / "outputs").exists()


class Follower:
    """A hook that keeps the raw weights after each step."""

    def __init__(self):
        self.seen = []

    def after_step(self, progress):
        self.seen.append({k: v.clone() for k, v in progress.weights("raw").items() if v.is_floating_point()})


def plainly(kind, initial, seen):
    """The average of what a hook saw, one tensor and one step at a time."""
    rows = []
    for weights in np.atleast_2d(kind.weights(clock(len(seen), 6))).astype(np.float32):
        row = {key: initial[key].clone() for key in seen[0]}
        for found, weight in zip(seen, weights, strict=True):
            if weight:
                row = {key: torch.lerp(row[key], value, float(weight)) for key, value in found.items()}
        rows += [row] if weights.any() else []
    return {key: sum(row[key] for row in rows) / len(rows) if len(rows) > 1 else rows[0][key] for key in seen[0]}


FOLLOWED = {
    "plain": (),
    "sam": ("sam=sam",),
    "accumulated": ("trainer.accumulate=2", "trainer.batch_size=16"),
    "two processes": ("trainer.devices=2", "trainer.accelerator=cpu", "trainer.batch_size=16"),
    "two processes, sam, accumulated": (
        *("trainer.devices=2", "trainer.accelerator=cpu", "sam=sam"),
        *("trainer.accumulate=2", "trainer.batch_size=8"),
    ),
    "compiled": ("trainer.compile=true",),
}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.slow) if how == "compiled" else how for how in FOLLOWED]
)
@pytest.mark.parametrize("buffers", ["average", "copy"])
def test_every_kind_is_the_lerp_of_the_weights_that_were_trained(tiny, how, buffers):
    """Whatever trains them, all kinds, bit by bit."""
    hook = Follower()
    kinds = [word for word in EVERY_KIND if not word.startswith(("averaging.buffers", "averaging.recompute"))]
    words = (*kinds, f"averaging.buffers={buffers}", *FOLLOWED[how])
    run = train(*tiny(*words), config_dir=str(USER_TREE), quiet=True, hooks=[hook])
    views, raw, initial = load(run.path)["views"], hook.seen[-1], run.record.averages.load(0)["model"]
    assert len(hook.seen) == 18
    assert set(views) == set(KINDS)
    assert run.record.environment()["execution"]["compile"] is (how == "compiled")
    for name, kind in KINDS.items():
        expected = plainly(kind, initial, hook.seen)
        for key, value in views[name].items():
            if value.is_floating_point():
                copied = "running" in key and buffers == "copy"
                assert torch.equal(value, raw[key] if copied else expected[key]), (name, key)
        assert not torch.equal(views[name]["5.bias"], raw["5.bias"]), name
