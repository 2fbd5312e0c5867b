"""The table of records: what it shows, what it passes over, that one broken record breaks nothing."""

from __future__ import annotations

import os

import pytest

from recipelab.records.listing import find, list_records
from recipelab.records.record import Record

RESULT = {
    "model": "resnet20",
    "data": "digits",
    "seed": 3,
    "epochs": 10,
    "recipe_hash": "abc",
    "fingerprint": "def",
    "progress": {"epoch": 2, "step": 20, "total_steps": 100},
    "headline": {"checkpoint": "best", "view": "raw", "split": "test", "accuracy": 0.9},
    "val": {"best": {"raw": {"accuracy": 0.95}}, "last": {"raw": {"accuracy": 0.1}}},
    "test": {"best": {"raw": {"accuracy": 0.9}, "ema": {"accuracy": 0.2}}},
    "seconds": 12.5,
}


def make(root, name, **fields):
    with Record.create(root, name) as record:
        record.update_result(**fields)
    return record.path


def test_a_row(tmp_path):
    path = make(tmp_path, "run", status="finished", **RESULT)
    (row,) = list_records(tmp_path)
    created = row.pop("created")
    assert created == Record.open(path).result()["created"]
    assert row == {
        "path": str(path),
        "status": "finished",
        "reason": None,
        "model": "resnet20",
        "data": "digits",
        "seed": 3,
        "epochs": 10,
        "epoch": 2,
        "step": 20,
        "total_steps": 100,
        "checkpoint": "best",
        "view": "raw",
        "val_accuracy": 0.95,
        "test_accuracy": 0.9,
        "metric": "accuracy",
        "val": 0.95,
        "test": 0.9,
        "protocol": None,
        "opened": None,
        "seconds": 12.5,
        "recipe_hash": "abc",
        "fingerprint": "def",
    }


def test_status_of_running_and_killed_runs(tmp_path):
    make(tmp_path, "killed")
    with Record.create(tmp_path, "running"):
        assert {row["path"].rsplit("/", 1)[1]: row["status"] for row in list_records(tmp_path)} == {
            "killed": "interrupted",
            "running": "running",
        }


def test_nested_records_are_found_and_not_looked_into(tmp_path):
    outer = make(tmp_path / "study" / "arm", "outer")
    make(outer, "inner")
    flat = make(tmp_path, "flat")
    make(tmp_path / ".hidden", "run")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    assert list(find(tmp_path)) == [flat, outer]
    assert list(find(flat)) == [flat]


def test_the_oldest_first(tmp_path):
    for name, created in (("a", "2026-03-01"), ("b", "2026-01-01"), ("c", "2026-02-01")):
        make(tmp_path, name, created=created)
    assert [row["created"] for row in list_records(tmp_path)] == ["2026-01-01", "2026-02-01", "2026-03-01"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 9}', '{"schema": 1}', '{"schema": 1, "status": []}', "\xff"]
)
def test_a_broken_record_breaks_nothing(tmp_path, text):
    broken, good = make(tmp_path, "broken"), make(tmp_path, "good", status="finished")
    (broken / "result.json").write_bytes(text.encode("latin-1"))
    rows = {row["path"]: row for row in list_records(tmp_path)}
    assert rows[str(broken)]["status"] == "unreadable"
    assert "result.json" in rows[str(broken)]["reason"]
    assert rows[str(good)]["status"] == "finished"


@pytest.mark.parametrize(
    "fields",
    [
        {"headline": "best", "progress": 3},
        {"headline": {"checkpoint": ["x"], "view": None}, "val": []},
        {"headline": {"checkpoint": "best", "view": "raw"}, "val": {"best": 1}, "created": 5},
    ],
)
def test_values_of_other_kinds_are_blank(tmp_path, fields):
    make(tmp_path, "run", **fields)
    (row,) = list_records(tmp_path)
    assert row["val_accuracy"] is None
    assert row["status"] == "interrupted"


def test_no_folder_has_no_records(tmp_path):
    assert list_records(tmp_path / "missing") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path):
    path = make(tmp_path, "run")
    (tmp_path / "closed").mkdir(mode=0)
    assert [row["path"] for row in list_records(tmp_path)] == [str(path)]
