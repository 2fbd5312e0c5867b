"""A resumed run is the uninterrupted one, bit by bit; what may change between the two, and what is refused."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal

import pytest
import torch

from compare import assert_same, different, load, table
from processes import at, send
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, UserError
from recipelab.records.listing import list_records
from recipelab.records.record import Record
from tiny_recipe import USER_TREE

# 6 steps an epoch, 18 in all; rows at every third step, checkpoints at every fourth. Each of the 6 rows evaluates
# three views in two batches: from the 37th on, they belong to the lockbox.


@pytest.fixture
def stopped(train_tiny):
    """Train and stop at a place; the record that is left. stopped(place, count, *overrides, everything=True)."""

    def run(place, count, *overrides, everything=True, number=signal.SIGTERM):
        with at(place, count, send(number)), pytest.raises(Interrupted) as info:
            train_tiny(*overrides, everything=everything)
        return Record.open(info.value.resume.split("trainer.resume=")[1])

    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run with everything switched on."""
    from tiny_recipe import EVERYTHING, TINY

    output = tmp_path_factory.mktemp("whole")
    return train(*TINY, *EVERYTHING, f"output={output}", config_dir=str(USER_TREE), quiet=True)


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("step", 1),  # before the first row and checkpoint
        ("step", 2),
        ("step", 3),  # a row is due
        ("step", 4),  # a checkpoint is due
        ("step", 6),  # the end of an epoch
        ("step", 11),
        ("step", 12),  # all three
        ("step", 17),
        ("step", 18),  # the end
        ("evaluation", 1),  # in the middle of the first view's validation
        ("evaluation", 4),  # between views
        ("evaluation", 36),  # the end of the last validation
        ("evaluation", 37),  # the first batch of the lockbox
        ("evaluation", 70),
        ("checkpoint", 1),
        ("checkpoint", 3),
        ("lockbox", 1),
    ],
)
def test_a_stop_and_a_resume_change_no_bit(stopped, resume, whole, place, count):
    record = stopped(place, count)
    assert record.status() == "interrupted"
    assert record.result()["reason"] == "signal 15"
    again = resume(record.path)
    assert again.path == record.path
    assert again.result["status"] == "finished"
    assert_same(again.path, whole.path)
    assert {s: again.result[s] for s in ("train", "val", "test")} == {
        s: whole.result[s] for s in ("train", "val", "test")
    }
    assert again.result["lockbox"]["opened"] == 1
    (entry,) = again.result["resumed"]
    assert (entry["bitwise"], entry["changed"], entry["notes"]) == (True, {}, [])


def test_many_stops_change_no_bit(stopped, resume, whole):
    draw = random.Random(0)
    record = stopped("step", 2)
    while record.status() != "finished":
        place, most = draw.choice([("step", 6), ("evaluation", 9), ("checkpoint", 4)])
        with at(place, draw.randint(1, most), send(signal.SIGINT)), contextlib.suppress(Interrupted):
            resume(record.path)
    assert_same(record.path, whole.path)
    assert len(record.result()["resumed"]) > 2


@pytest.mark.parametrize("target", ["Smooth", "Fixed"])
def test_other_networks_resume_too(train_tiny, stopped, resume, target):
    words = (f"model._target_=tiny_net.{target}", "averaging=ema", "averaging.decays=[0.9]", "optimizer=adamw")
    record = stopped("step", 8, *words, everything=False)
    assert_same(resume(record.path).path, train_tiny(*words).path)


def test_a_step_that_is_kept_is_kept_whenever_the_stop_comes(stopped, resume):
    for count in (4, 5, 6):  # before, at and after the step
        record = stopped("step", count, "trainer.checkpoint_at=[5]")
        resume(record.path)
        assert load(record.path, "step_5")["step"] == 5


def test_times_go_on_where_they_were(stopped, resume):
    record = stopped("step", 8, everything=False)
    before = load(record.path)["state"]
    again = resume(record.path)
    rows = again.metrics
    assert [row["step"] for row in rows] == [6, 12, 18]
    assert all(earlier["seconds"] < later["seconds"] for earlier, later in zip(rows, rows[1:], strict=False))
    assert again.result["total_seconds"] > before["total_seconds"] > 0
    assert again.result["seconds"] == pytest.approx(sum(row["epoch_seconds"] for row in rows))


# Finding the record


def test_auto_finds_the_newest_unfinished_record_of_the_recipe(train_tiny, stopped, whole, capsys):
    finished = train_tiny(everything=True)
    other = stopped("step", 3, "optimizer.lr=0.2")
    older, newer = stopped("step", 5), stopped("step", 7)
    for record, time in ((older, "2026-01-01"), (newer, "2026-01-02"), (other, "2026-01-03")):
        with record:
            record.lock()
            record.update_result(created=f"{time}T00:00:00+00:00")
    again = train_tiny("trainer.resume=auto", everything=True)
    assert again.path == newer.path
    assert_same(again.path, whole.path)
    assert train_tiny("trainer.resume=auto", everything=True).path == older.path
    fresh = train_tiny("trainer.resume=auto", everything=True)
    assert fresh.path not in (finished.path, older.path, newer.path, other.path)
    assert "no unfinished record of this recipe" in (fresh.path / "train.log").read_text()
    assert_same(fresh.path, whole.path)


def test_auto_keeps_to_the_seed_that_is_asked_for(train_tiny, stopped):
    record = stopped("step", 3, "seed=4", everything=False)
    assert train_tiny("trainer.resume=auto", "seed=5").path != record.path
    assert train_tiny("trainer.resume=auto", "seed=null").path == record.path


def test_a_run_that_began_with_auto_is_resumed_by_its_path(stopped, resume):
    first = stopped("step", 3, "trainer.resume=auto", everything=False)
    second = stopped("step", 3, "seed=1", everything=False)
    third = stopped("step", 3, "trainer.resume=auto", "seed=2", everything=False)
    assert third.path not in (first.path, second.path)
    assert resume(first.path).path == first.path
    assert first.config()["trainer"]["resume"] is None


def test_a_run_without_a_checkpoint_begins_again(train_tiny, stopped, resume):
    record = stopped("opening", 1, everything=False)
    assert record.checkpoints() == []
    again = resume(record.path)
    assert again.result["resumed"][0]["step"] == 0
    assert_same(again.path, train_tiny().path)


# What may change


def test_a_finished_run_is_not_resumed(train_tiny, resume):
    run = train_tiny("trainer.epochs=1")
    before = files(run.path)
    for words in ((), ("trainer.epochs=1",), ("trainer.accelerator=cpu",)):
        with pytest.raises(UserError, match=r"is finished: to train on, give a longer trainer\.epochs"):
            resume(run.path, *words)
    assert files(run.path) == before


def test_a_finished_run_may_train_longer_and_says_so(train_tiny, resume):
    run = train_tiny("trainer.epochs=1", "scheduler=constant")
    again = resume(run.path, "trainer.epochs=3")
    assert [row["epoch"] for row in again.metrics] == [1, 2, 3]
    assert again.result["resumed"] == [
        {"step": 6, "bitwise": False, "changed": {"trainer.epochs": [1, 3]}, "notes": []}
    ]
    assert again.result["lockbox"]["opened"] == 2
    assert again.config["trainer"]["epochs"] == 3
    # A constant rate does not know how long it will last, so here even this is the same training.
    whole = train_tiny("trainer.epochs=3", "scheduler=constant")
    assert different(load(whole.path)["model"], load(again.path)["model"]) == []
    assert again.result["recipe_hash"] == whole.result["recipe_hash"]


def test_a_run_that_ended_in_mid_epoch_may_train_longer(train_tiny, resume):
    words = ("scheduler=constant", "trainer.evaluate_every=2st")
    run = train_tiny("trainer.steps=8", *words)
    again, whole = resume(run.path, "trainer.steps=14"), train_tiny("trainer.steps=14", *words)
    assert table(again.path) == table(whole.path)
    assert different(load(whole.path)["model"], load(again.path)["model"]) == []


def test_while_it_trains_longer_the_earlier_results_are_void(train_tiny, resume):
    run = train_tiny("trainer.epochs=1")
    with at("step", 2, send(signal.SIGTERM)), pytest.raises(Interrupted):
        resume(run.path, "trainer.epochs=3")
    (row,) = list_records(run.path)
    assert (row["status"], row["test_accuracy"], row["val_accuracy"]) == ("interrupted", None, None)
    assert resume(run.path).result["test"]["last"]


def test_best_of_a_course_that_is_not_taken_again_is_forgotten(train_tiny, stopped, resume, monkeypatch):
    """The best checkpoint may be of a later step than the last one. Trained on differently, it is nobody's any more."""
    from recipelab.loop.fit import Training

    monkeypatch.setattr(Training, "_save", saves_until(Training._save, 6))
    record = stopped("step", 16, "trainer.epochs=3", everything=False)
    monkeypatch.undo()
    assert load(record.path)["step"] == 6
    assert load(record.path, "best")["step"] > 6
    again = resume(record.path, "trainer.epochs=2", "optimizer.lr=0.1")
    best = load(again.path, "best")
    assert best["step"] <= 12
    assert best["recipe_hash"] == again.result["recipe_hash"]
    assert again.result["val"]["best"]["raw"]["nll"] in [row["val_raw_nll"] for row in again.metrics]


def saves_until(save, step):
    return lambda self, name: save(self, name) if self.state.step <= step else None


def test_a_run_cannot_become_shorter_than_it_is(stopped, resume):
    record = stopped("step", 9, everything=False)
    before = files(record.path)
    with pytest.raises(UserError, match="has taken 9 steps, more than the 6 asked for"):
        resume(record.path, "trainer.epochs=1")
    assert files(record.path) == before
    assert record.status() == "interrupted"


@pytest.mark.parametrize(
    ("words", "key", "old", "new"),
    [
        (["optimizer.lr=0.2"], "optimizer.lr", "0.1", "0.2"),
        (["seed=1"], "seed", "0", "1"),
        (["optimizer=adamw"], "optimizer._target_", "sgd", "adamw"),
        (["mix=none"], "mix._target_", "Mixup", "None"),
        (["sam.rho=0.1"], "sam.rho", "0.05", "0.1"),
        (["averaging.decays=[0.9]"], "averaging.decays", "0.99", "[0.9]"),
        (["trainer.batch_size=8"], "trainer.batch_size", "16", "8"),
        (["trainer.threads=2"], "trainer.threads", "1", "2"),
        (["data.limit=150"], "data.limit", "200", "150"),
    ],
)
def test_another_recipe_is_refused_with_its_keys(whole, resume, words, key, old, new):
    before = files(whole.path)
    with pytest.raises(UserError, match="was begun with another recipe") as info:
        resume(whole.path, *words)
    (line,) = [line for line in str(info.value).splitlines() if line.strip().startswith(f"{key}:")]
    recorded, asked = line.split("asked for")
    assert old in recorded
    assert new in asked
    assert files(whole.path) == before


def test_where_and_how_it_is_shown_may_change(stopped, resume, whole, tmp_path):
    record = stopped("step", 5)
    again = resume(
        record.path,
        "logger=tensorboard",
        "progress=true",
        f"output={tmp_path / 'elsewhere'}",
        "trainer.checkpoint_every=1st",
    )
    assert again.path == record.path
    assert again.result["resumed"][0]["bitwise"] is True
    assert not (tmp_path / "elsewhere").exists()
    assert_same(again.path, whole.path)


def test_other_data_are_refused(stopped, resume, monkeypatch):
    from recipelab.data.digits import Digits
    from recipelab.data.pool import Pool

    record = stopped("step", 5, everything=False)
    before = files(record.path)
    load_digits = Digits.load

    def changed(self, say):
        pool, _ = load_digits(self, say)
        return Pool(pool.images.clone().bitwise_xor_(torch.tensor(1, dtype=torch.uint8)), pool.targets), None

    monkeypatch.setattr(Digits, "load", changed)
    with pytest.raises(UserError, match="the data have changed since .* was begun .*train, val, test"):
        resume(record.path)
    assert files(record.path) == before


def test_another_execution_is_recorded_as_no_longer_bitwise(stopped, resume, monkeypatch):
    record = stopped("step", 5, everything=False)
    with record:
        record.lock()
        record.update_result(fingerprint="of another machine")
    again = resume(record.path)
    (entry,) = again.result["resumed"]
    assert entry["bitwise"] is False
    assert "executed differently" in entry["notes"][0]


def test_the_recorded_settings_are_used_and_not_this_machines(stopped, resume, monkeypatch):
    from recipelab.loop import device

    record = stopped("step", 5, "trainer.threads=auto", "trainer.epochs=1", everything=False)
    threads = record.environment()["resolved"]["threads"]
    monkeypatch.setattr(device, "_threads", lambda asked, here: threads + 3 if asked == "auto" else asked)
    again = resume(record.path)
    assert again.record.environment()["resolved"]["threads"] == threads
    assert again.result["resumed"][0]["bitwise"] is True


# What may be broken


def test_a_record_in_use_is_refused(stopped, resume):
    record = stopped("step", 5, everything=False)
    record.lock()
    try:
        with pytest.raises(UserError, match="is in use by process"):
            resume(record.path)
    finally:
        record.unlock()
    assert resume(record.path).result["status"] == "finished"


def test_a_damaged_checkpoint_is_named_and_the_record_left_alone(stopped, resume):
    record = stopped("step", 5, everything=False)
    path = record.path / "checkpoints" / "last.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    before = files(record.path)
    with pytest.raises(UserError, match=r"last\.pt cannot be read"):
        resume(record.path)
    assert files(record.path) == before
    path.write_bytes(whole)
    assert resume(record.path).result["status"] == "finished"


def test_a_folder_that_is_no_record_is_refused(resume, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        resume(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is no run record"):
        resume(tmp_path / "empty")


def test_a_record_that_has_moved_goes_on(stopped, resume, whole, tmp_path):
    record = stopped("step", 5)
    moved = tmp_path / "a folder, moved (1)"
    shutil.move(record.path, moved)
    assert_same(resume(moved).path, whole.path)


def files(path):
    """What a record holds, less what a refused resume may say in the log."""
    kept = ("config.yaml", "environment.json", "result.json", "metrics.csv")
    content = {name: (path / name).read_bytes() for name in kept if (path / name).exists()}
    content |= {entry.name: entry.read_bytes() for entry in (path / "checkpoints").iterdir()}
    json.loads(content["result.json"])
    return content
