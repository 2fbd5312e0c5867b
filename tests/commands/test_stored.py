"""What a training keeps for averages after the run: the means that they say they are, bounded, and exact on resume."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from compare import assert_same, different
from processes import at, send
from recipelab.averaging.blocks import room
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, UserError
from recipelab.records.record import Record
from tiny_recipe import TINY, USER_TREE

# 6 steps an epoch.
FIVE = ("averaging=store", "trainer.epochs=5", "trainer.checkpoint_every=4st")


class Walk:
    """The raw weights after every step."""

    def __init__(self):
        self.weights = {}

    def after_step(self, progress):
        self.weights[progress.step] = progress.weights()


def entries(path: Path) -> dict[str, object]:
    """Everything that a record keeps, by file."""
    return {p.name: torch.load(p, weights_only=True) for p in sorted((path / "averages").glob("*.pt"))}


def blocks(path: Path) -> list[tuple[int, int]]:
    folder = Record.open(path).averages
    return [(folder.load(stop)["start"], stop) for stop in folder.stops()]


def size_of_one(path: Path) -> int:
    """Bytes that an entry is planned with: no less than its file has."""
    planned = room(Record.open(path).averages.load(0)["model"], 0)[1]
    assert (path / "averages" / "initial.pt").stat().st_size <= planned
    return planned


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(run, its weights after every step)."""
    walk = Walk()
    words = (*TINY, *FIVE, f"output={tmp_path_factory.mktemp('whole')}")
    return train(*words, config_dir=str(USER_TREE), quiet=True, hooks=[walk]), walk.weights


def test_every_entry_is_the_mean_of_its_steps_weights(whole):
    run, walk = whole
    assert blocks(run.path) == [(0, 6), (6, 12), (12, 18), (18, 24), (24, 30)]
    for start, stop in blocks(run.path):
        kept = run.record.averages.load(stop)["model"]
        assert all(value.dtype == torch.float32 for value in kept.values())
        for key, value in kept.items():
            mean = torch.stack([walk[step][key].double() for step in range(start + 1, stop + 1)]).mean(0)
            torch.testing.assert_close(value.double(), mean, rtol=0, atol=1e-6, msg=key)


def test_the_initial_weights_are_those_before_the_first_step(whole, train_tiny):
    run, _ = whole
    still = train_tiny("averaging=store", "trainer.steps=1", "optimizer.lr=0")
    initial = run.record.averages.load(0)["model"]
    parameters = [key for key in initial if "running" not in key]
    for key in parameters:
        assert torch.equal(initial[key], still.weights("last")[0]["raw"][key])


def test_what_it_costs_is_told(whole):
    run, _ = whole
    told = run.result["store"]
    sizes = [path.stat().st_size for path in (run.path / "averages").glob("*.pt")]
    assert (told["entries"], told["epochs"], told["bytes"]) == (6, 1, sum(sizes))
    assert 0 < told["seconds"] < run.result["total_seconds"]
    assert "store: the initial weights and 5 means, one an epoch" in (run.path / "train.log").read_text()


def test_keeping_means_changes_no_bit_of_the_training(whole, train_tiny):
    plain = train_tiny("trainer.epochs=5", "trainer.checkpoint_every=4st")
    assert different(plain.weights("last")[0]["raw"], whole[0].weights("last")[0]["raw"]) == []


@pytest.mark.parametrize(("room", "epochs", "expected"), [(4, 2, [(0, 12), (12, 24), (24, 30)]), (2, 5, [(0, 30)])])
def test_the_limit_makes_the_blocks_longer_and_is_kept(whole, train_tiny, room, epochs, expected):
    walk = Walk()
    limit = room * size_of_one(whole[0].path) // 1000 + 1
    words = (*TINY, *FIVE, f"averaging.store_limit={limit}KB", f"output={whole[0].path.parent / str(room)}")
    run = train(*words, config_dir=str(USER_TREE), quiet=True, hooks=[walk])
    assert blocks(run.path) == expected
    assert run.result["store"]["epochs"] == epochs
    assert run.result["store"]["bytes"] <= limit * 1000
    assert f"one every {epochs} epochs, as averaging.store_limit={limit}KB" in (run.path / "train.log").read_text()
    start, stop = expected[-1]
    found = run.record.averages.load(stop)["model"]["0.weight"].double()
    mean = torch.stack([walk.weights[step]["0.weight"].double() for step in range(start + 1, stop + 1)]).mean(0)
    torch.testing.assert_close(found, mean, rtol=0, atol=1e-6)


def test_without_room_nothing_is_kept_and_that_is_said(train_tiny):
    with pytest.raises(UserError, match="store_limit=1KB does not hold the initial weights and one mean"):
        train_tiny("averaging=store", "averaging.store_limit=1KB")
    run = train_tiny("averaging=ema", "averaging.store_limit=1KB", "trainer.epochs=1")
    assert "store: nothing is kept" in (run.path / "train.log").read_text()
    assert not (run.path / "averages").exists()


@pytest.mark.parametrize("limit", ["2GB", "thinned"])
@pytest.mark.parametrize(("place", "count"), [("step", 10), ("step", 15), ("checkpoint", 8)])
def test_going_on_keeps_the_same_bits(whole, train_tiny, resume, place, count, limit):
    """In mid-epoch, in mid-block, after an entry was written and before its checkpoint."""
    more = [] if limit == "2GB" else [f"averaging.store_limit={3 * size_of_one(whole[0].path) // 1000 + 1}KB"]
    uninterrupted = whole[0] if not more else train_tiny(*FIVE, *more)
    with at(place, count, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*FIVE, *more)
    again = resume(info.value.resume.split("trainer.resume=")[1])
    assert_same(uninterrupted.path, again.path)
    assert different(entries(uninterrupted.path), entries(again.path)) == []
    assert len(entries(again.path)) == (3 if more else 6)


@pytest.mark.parametrize("count", range(8, 24, 3))
def test_a_failure_at_any_file_leaves_a_store_that_can_be_read_and_gone_on_with(
    whole, train_tiny, resume, tmp_path, count
):
    def fail():
        raise RuntimeError("here")

    with at("replace", count, fail), pytest.raises(RuntimeError, match="here"):
        train_tiny(*FIVE)
    (path,) = (tmp_path / "outputs").iterdir()
    assert blocks(path) == blocks(whole[0].path)[: len(blocks(path))]
    again = resume(path)
    assert different(entries(whole[0].path), entries(again.path)) == []


def test_what_lies_past_the_checkpoint_is_removed_first(whole, train_tiny, resume):
    with at("step", 14, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*FIVE)
    path = Path(info.value.resume.split("trainer.resume=")[1])
    torch.save({"model": {}, "start": 12, "stop": 18, "schema": 1}, path / "averages" / "step_18.pt")
    torch.save({"model": {}, "start": 18, "stop": 99, "schema": 1}, path / "averages" / "step_99.pt")
    again = resume(path)
    assert different(entries(whole[0].path), entries(again.path)) == []


def test_a_longer_training_goes_on_with_longer_blocks_where_room_is_short(whole, train_tiny, resume):
    limit = f"averaging.store_limit={6 * size_of_one(whole[0].path) // 1000 + 1}KB"
    run = train_tiny("averaging=store", limit, "trainer.epochs=3")
    again = resume(run.path, "trainer.epochs=7")
    assert blocks(again.path) == [(0, 6), (6, 12), (12, 18), (18, 30), (30, 42)]
    assert again.result["store"]["entries"] == 6


def test_a_training_that_ends_early_keeps_the_block_it_is_in(whole, train_tiny):
    limit = f"averaging.store_limit={3 * size_of_one(whole[0].path) // 1000 + 1}KB"
    stopping = ("early_stopping=patience", "early_stopping.patience=2", "early_stopping.min_delta=1")
    run = train_tiny("averaging=store", limit, "trainer.epochs=8", *stopping)
    assert run.result["stopped_early"] == 18
    assert blocks(run.path) == [(0, 18)]


def test_an_end_in_mid_epoch_ends_a_block(train_tiny):
    run = train_tiny("averaging=store", "trainer.steps=15")
    assert blocks(run.path) == [(0, 6), (6, 12), (12, 15)]


def test_a_growing_batch_keeps_blocks_of_epochs(train_tiny):
    run = train_tiny("averaging=store", "batch_schedule=milestones", "batch_schedule.milestones=[1ep]")
    assert blocks(run.path) == [(0, 6), (6, 9), (9, 12)]
