"""The plateau against torch's, over drawn courses of a metric; its warm-up, and its state in a run."""

from __future__ import annotations

import signal

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from compare import assert_same, load
from processes import at, send
from recipelab.core.durations import Timeline
from recipelab.core.errors import Interrupted, UserError
from recipelab.optim.schedules.plateau import ReduceOnPlateau

TIMELINE = Timeline(steps_per_epoch=4, total_steps=400)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize(("patience", "cooldown", "threshold"), [(0, 0, 0.0), (2, 0, 1e-4), (3, 2, 0.05)])
def test_it_is_torchs(mode, patience, cooldown, threshold):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, min_lr=0.01
    )
    options = {"patience": patience, "cooldown": cooldown, "threshold": threshold}
    ours = ReduceOnPlateau(TIMELINE, metric="accuracy", mode=mode, factor=0.5, minimum=0.01, **options)
    values = torch.rand(100, generator=torch.Generator().manual_seed(0)).cumsum(0).sqrt().tolist()
    values = values[:30] + values[10:40] + [float("nan")] * 3 + values[:60][::-1]
    course = []
    for epoch, value in enumerate(values, start=1):
        theirs.step(value)
        ours.observe({"val_raw_accuracy": value}, 4 * epoch)
        course.append(ours.item(0))
        assert course[-1] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert course[-1] < 1.0


def test_nothing_is_counted_in_the_warm_up_or_where_the_metric_is_not():
    schedule = ReduceOnPlateau(TIMELINE, metric="accuracy", patience=0, warmup="2ep")
    for step in (4, 5, 6, 7):
        schedule.observe({"val_raw_accuracy": 0.5}, step)
    schedule.observe({"train_loss": 0.5}, 12)
    assert [schedule.item(step) for step in (0, 4, 8, 399)] == [0.0, 0.5, 1.0, 1.0]
    schedule.observe({"val_raw_accuracy": 0.5}, 12)
    assert [schedule.item(step) for step in (4, 8)] == pytest.approx([0.05, 0.1])


WORDS = (
    "scheduler=plateau",
    "scheduler.patience=0",
    "scheduler.threshold=5.0",
    "scheduler.factor=0.5",
    "early_stopping=patience",
    "early_stopping.metric=nll",
    "early_stopping.patience=4",
    "early_stopping.min_delta=2.0",
    "trainer.epochs=8",
    "trainer.checkpoint_every=5st",
)


@pytest.mark.parametrize("stop", [13, 22])
def test_plateau_and_early_stopping_go_on_in_the_middle_of_their_patience(train_tiny, resume, tmp_path, stop):
    whole = train_tiny(f"output={tmp_path / 'whole'}", *WORDS)
    rates = [row["lr"] for row in whole.metrics]
    assert rates[0] == 0.1
    assert rates[-1] < 0.06
    ended = whole.result["stopped_early"]
    assert ended is not None
    assert ended < 48
    assert load(whole.path)["step"] == ended
    with at("step", stop, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*WORDS)
    again = resume(info.value.resume.split("trainer.resume=")[1])
    assert_same(whole.path, again.path)
    assert again.result["stopped_early"] == ended


def test_early_stopping_counts_and_ends_where_it_says(train_tiny):
    run = train_tiny(
        "early_stopping=patience", "early_stopping.patience=2", "early_stopping.min_delta=1.0", "trainer.epochs=9"
    )
    assert [row["epoch"] for row in run.metrics] == [1, 2, 3]  # the first is the best, two more are borne
    assert run.result["stopped_early"] == 18
    assert run.result["status"] == "finished"
    assert train_tiny("early_stopping=patience").result["stopped_early"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("scheduler=plateau", "scheduler.metric=loss"), r"scheduler\.metric=loss: the metrics of this recipe are"),
        (("early_stopping=patience", "early_stopping.view=ema_0.9"), r"early_stopping\.view=ema_0\.9: the views"),
        (("early_stopping.patience=3",), r"early_stopping is none: choose one, early_stopping=patience"),
        (("scheduler=one_cycle", "optimizer._target_=torch.optim.Adagrad"), r"Adagrad has no momentum to be cycled"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_any_work(train_tiny, tmp_path, words, message):
    with pytest.raises(UserError, match=message):
        train_tiny(*words)
    assert not (tmp_path / "outputs").exists()


def test_a_cycled_momentum_reaches_every_group_and_the_record_resumes(train_tiny, resume, tmp_path):
    words = ("scheduler=one_cycle", "param_groups=undecay_norm", "trainer.checkpoint_every=4st")
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words)
    groups = load(whole.path)["optimizer"]["param_groups"]
    assert [group["momentum"] for group in groups] == pytest.approx([0.95, 0.95])
    with at("step", 7, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    assert_same(whole.path, resume(info.value.resume.split("trainer.resume=")[1]).path)
