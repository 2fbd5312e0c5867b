"""averages/ of a record: entries that come back, what a resume takes away, and files that nobody's training wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.records import checkpoints
from recipelab.records.record import Record


@pytest.fixture
def record(tmp_path: Path):
    with Record.create(tmp_path, "run") as made:
        yield made


def entry(start: int, stop: int) -> dict[str, object]:
    return {"model": {"weight": torch.full((3,), float(stop))}, "start": start, "stop": stop}


def test_entries_come_back_and_are_listed_in_the_order_of_their_steps(record):
    for start, stop in ((0, 0), (0, 9), (9, 18), (90, 100)):
        record.averages.save(entry(start, stop))
    assert record.averages.stops() == [9, 18, 100]
    assert record.averages.has_initial()
    assert torch.equal(record.averages.load(18)["model"]["weight"], torch.full((3,), 18.0))
    assert record.averages.load(0)["stop"] == 0


def test_a_resume_takes_away_what_lies_past_its_step(record):
    for stop in (0, 10, 20, 30):
        record.averages.save(entry(max(0, stop - 10), stop))
    record.averages.truncate(20)
    assert record.averages.stops() == [10, 20]
    assert record.averages.has_initial()


def test_a_record_without_averages_says_so(record):
    assert record.averages.stops() == record.averages.views() == []
    assert not record.averages.has_initial()
    assert record.averages.plan() is None


@pytest.mark.parametrize(
    "content",
    [{"start": 0, "stop": 20}, {"start": 10, "stop": 10}, {"start": -1, "stop": 10}, {"start": "0", "stop": 10}, {}],
)
def test_an_entry_that_does_not_say_its_steps_is_refused(record, content):
    record.averages.save(entry(0, 10))
    checkpoints.save(record.path / "averages" / "step_10.pt", {"model": {"weight": torch.zeros(3)}, **content})
    with pytest.raises(UserError, match="which steps"):
        record.averages.load(10)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"stops": [2, 1], "epochs": 1, "total": 9}',
        '{"stops": [true], "epochs": 1, "total": 9}',
        '{"stops": [1], "epochs": 0, "total": 9}',
        "{",
    ],
)
def test_a_plan_that_is_none_is_refused(record, text):
    record.averages.write_plan({"stops": [10], "epochs": 1, "total": 10})
    assert record.averages.plan()["stops"] == [10]
    (record.path / "averages" / "store.json").write_text(text)
    with pytest.raises(UserError, match="store.json"):
        record.averages.plan()


def test_a_view_is_its_weights_and_what_is_told_of_them(record):
    path = record.averages.save_view(
        "late", {"model": {"weight": torch.ones(3)}, "step": 7}, {"residual": float("nan")}
    )
    assert record.averages.views() == ["late"]
    assert record.averages.load_view("late")["step"] == 7
    assert json.loads(path.with_suffix(".json").read_text()) == {"schema": 1, "residual": None}


@pytest.mark.parametrize("name", ["../out", "", "a/b", ".hidden"])
def test_a_view_is_named_as_a_file_can_be(record, name):
    with pytest.raises(ValueError, match="named"):
        record.averages.save_view(name, {"model": {}, "step": 1}, {})


def test_only_the_owner_of_the_record_writes(tmp_path):
    with Record.create(tmp_path, "run") as owner:
        owner.averages.save(entry(0, 10))
    reader = Record.open(owner.path)
    for write in (
        lambda: reader.averages.save(entry(10, 20)),
        lambda: reader.averages.truncate(0),
        lambda: reader.averages.write_plan({"stops": [], "epochs": 1, "total": 10}),
        lambda: reader.averages.save_view("late", {"model": {}, "step": 1}, {}),
    ):
        with pytest.raises(AssertionError):
            write()
    assert reader.averages.stops() == [10]


def test_what_a_killed_process_left_half_written_is_removed_and_a_link_refused(tmp_path):
    with Record.create(tmp_path, "run") as record:
        record.averages.save_view("late", {"model": {}, "step": 1}, {})
    left = [record.path / "averages" / ".step_9.pt.x.tmp", record.path / "averages" / "views" / ".late.pt.x.tmp"]
    for path in left:
        path.touch()
    with Record.open(record.path):
        pass
    again = Record.open(record.path)
    again.lock()
    again.unlock()
    assert not any(path.exists() for path in left)
    os.symlink(tmp_path / "elsewhere", record.path / "averages" / "views" / "linked.pt")
    with pytest.raises(UserError, match="link"):
        Record.open(record.path).lock()
