"""The table of records: what it says, plainly in a pipe and framed on a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recipelab.cli import main
from recipelab.commands import runs as module
from recipelab.commands.runs import runs
from recipelab.core.errors import UserError
from recipelab.records.record import Record

Capture = pytest.CaptureFixture[str]

FINISHED: dict[str, Any] = {
    "status": "finished",
    "model": "resnet20",
    "data": "digits",
    "seed": 3,
    "epochs": 40.0,
    "progress": {"epoch": 40, "step": 400, "total_steps": 400},
    "headline": {"checkpoint": "last", "view": "raw", "split": "test", "accuracy": 0.9},
    "val": {"last": {"raw": {"accuracy": 0.98765}}},
    "test": {"last": {"raw": {"accuracy": 0.9}}},
    "seconds": 12.34,
    "protocol": "val",
}


def make(root: Path, name: str, **fields: Any) -> Path:
    with Record.create(root, name) as record:
        record.update_result(**fields)
    return record.path


def printed(folder: Path, capsys: Capture) -> list[str]:
    runs(str(folder))
    return capsys.readouterr().out.splitlines()


def test_a_finished_run(tmp_path: Path, capsys: Capture):
    path = make(tmp_path, "20261120-101849_digits_resnet20_s3", **FINISHED)
    created = Record.open(path).result()["created"][:16].split("T")
    heading, row = printed(tmp_path, capsys)
    assert " ".join(heading.split()) == "record status created data model seed epochs val % test % seconds"
    assert row.split() == [
        path.name,
        "finished",
        *created,
        "digits",
        "resnet20",
        "3",
        "40/40",
        "98.77",
        "90.00",
        "12.3",
    ]


def test_in_a_pipe_nothing_is_cut_off_framed_or_coloured(tmp_path: Path, capsys: Capture):
    name = "a" * 200
    make(tmp_path, name, **FINISHED)
    _, row = printed(tmp_path, capsys)
    assert row.startswith(f"{name}  finished")
    assert row.isascii()
    assert "\x1b" not in row


def on_a_terminal(folder: Path, width: int, monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda: Console(file=screen, force_terminal=True, width=width, **options))
    runs(str(folder))
    return screen.getvalue()


def test_on_a_terminal_it_is_coloured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path, "run", **FINISHED)
    assert "\x1b[32mfinished" in on_a_terminal(tmp_path, 150, monkeypatch, color_system="standard")


def test_a_narrow_terminal_leaves_out_what_the_name_of_a_record_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path, "a" * 60, **FINISHED)
    wide, narrow = (on_a_terminal(tmp_path, width, monkeypatch, color_system=None) for width in (160, 80))
    assert "resnet20" in wide
    assert "resnet20" not in narrow
    for found, width in ((wide, 160), (narrow, 80)):
        assert max(map(len, found.splitlines())) <= width
        assert found.count("a") - found.splitlines()[1].count("a") == 60  # a long name folds, and is all there
        for cell in ("finished", "40/40", "98.77", "90.00", "12.3"):
            assert f" {cell} " in found


def test_rows_in_the_order_of_their_beginning_by_path_below_the_root(tmp_path: Path, capsys: Capture):
    for name in ("deep/b", "a"):
        path = make(tmp_path / Path(name).parent, Path(name).name)
        result = json.loads((path / "result.json").read_text())
        result["created"] = {"b": "2026-01-01T10:00:00+00:00", "a": "2026-01-02T10:00:00+00:00"}[path.name]
        (path / "result.json").write_text(json.dumps(result))
    rows = printed(tmp_path, capsys)[1:]
    assert [row.split()[0] for row in rows] == ["deep/b", "a"]
    assert rows[0].split()[1:4] == ["interrupted", "2026-01-01", "10:00"]  # nobody runs it any more


def test_the_root_may_be_a_record_itself(tmp_path: Path, capsys: Capture):
    path = make(tmp_path, "alone", **FINISHED)
    assert printed(path, capsys)[1].startswith("alone ")


def test_progress_of_a_run_that_is_on_its_way(tmp_path: Path, capsys: Capture):
    with Record.create(tmp_path, "run") as record:
        record.update_result(epochs=2.5, progress={"epoch": 0.090909, "step": 1, "total_steps": 9})
        row = printed(tmp_path, capsys)[1]
    assert row.split()[1] == "running"
    assert row.split()[-1] == "0.09/2.5"


def test_names_are_shown_as_they_are(tmp_path: Path, capsys: Capture):
    make(tmp_path, "[bold]x[nope]", model="[red]m", data=":smile:")
    row = printed(tmp_path, capsys)[1]
    assert row.startswith("[bold]x[nope] ")
    assert "[red]m" in row
    assert ":smile:" in row


def test_a_name_cannot_move_the_cursor(tmp_path: Path, capsys: Capture):
    make(tmp_path, "a\x1b[2Jb\nc", model="\x1b]0;title\x07")
    out = printed(tmp_path, capsys)
    assert len(out) == 2
    assert out[1].startswith("a?[2Jb?c ")
    assert "\x1b" not in out[1]
    assert "\x07" not in out[1]


def test_what_failed_says_why(tmp_path: Path, capsys: Capture):
    make(tmp_path, "bad", status="failed", reason="the loss was not finite in step 3\n  what helps: ...")
    (make(tmp_path, "worse") / "result.json").write_text("{")
    out = printed(tmp_path, capsys)
    assert "bad: the loss was not finite in step 3" in out
    assert any(line.startswith("worse: ") and "cannot be read" in line for line in out)
    assert not any("what helps" in line for line in out)


def test_selection_that_saw_the_test_split_is_marked(tmp_path: Path, capsys: Capture):
    make(tmp_path, "honest", **FINISHED)
    make(tmp_path, "literature", **{**FINISHED, "protocol": "test_as_val"})
    _, honest, literature, note = printed(tmp_path, capsys)
    assert "*" not in honest
    assert "98.77 *" in literature
    assert "90.00 *" in literature
    assert note.startswith("* data.protocol=test_as_val")


def test_a_result_that_holds_other_things_breaks_nothing(tmp_path: Path, capsys: Capture):
    make(tmp_path, "odd", epochs="many", seconds=[1], seed={"a": 1}, model=3, headline="x", created=None)
    assert printed(tmp_path, capsys)[1].startswith("odd ")


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path, capsys: Capture):
    (line,) = printed(tmp_path, capsys)
    assert line == f"no records below {tmp_path}; to make one: recipelab train output={tmp_path}"


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 2
    assert capsys.readouterr().err.startswith("error: outputs does not exist")
    (tmp_path / "outputs").touch()
    with pytest.raises(UserError, match="outputs is not a folder"):
        runs("outputs")
