from __future__ import annotations

import json
import os

import pytest

from recipelab.core import atomic


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


def test_a_new_file_and_its_replacement(tmp_path):
    path = tmp_path / "file.txt"
    atomic.write_text(path, "häß\n")
    atomic.write_text(path, "new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_others_may_read_the_file(tmp_path):
    atomic.write_text(tmp_path / "file.txt", "text")
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(old, kind):
    def fill(file):
        file.write(b"half of what")
        file.flush()
        raise kind

    with pytest.raises(kind):
        atomic.write(old, fill)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod"])
def test_a_failure_of_the_system_leaves_the_old_file_and_nothing_else(old, monkeypatch, function):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(OSError, match="No space"):
        atomic.write_text(old, "new")
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_the_content_is_on_the_disk_before_the_name_is(old, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("replace"), replace(*names)))
    atomic.write_text(old, "new")
    assert events == ["fsync", "replace", "fsync"]  # the file, its name, and then the folder that holds the name


def test_json_is_refused_where_a_number_is_none(old):
    atomic.write_json(old, {"a": [1.5, None, "é"]})
    assert json.loads(old.read_text()) == {"a": [1.5, None, "é"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(old, {"a": float("nan")})
    assert json.loads(old.read_text()) == {"a": [1.5, None, "é"]}
