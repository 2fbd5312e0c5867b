"""train.log: what is printed is written, with times; a closed terminal or a full disk ends neither run nor log."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from rich.table import Table

from recipelab.records.log import Log

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.log"


def written(path):
    """The lines of the file without their times, each of which is checked."""
    lines = path.read_text().splitlines()
    assert all(re.match(rf"{TIME}( |$)", line) for line in lines), lines
    return [re.sub(rf"^{TIME} ?", "", line) for line in lines]


def test_printed_and_written_at_once(path, capsys):
    log = Log(path)
    log("epoch 1")
    log("two\nlines")
    log()
    assert written(path) == ["epoch 1", "two", "lines", ""]
    assert capsys.readouterr().out == "epoch 1\ntwo\nlines\n\n"


def test_colours_are_for_the_terminal(path, capsys):
    log = Log(path)
    log("\x1b[1;31mred\x1b[0m \x1b]8;;file:///x\x1b\\link\x1b]8;;\x1b\\")
    assert written(path) == ["red link"]
    assert "\x1b[1;31mred" in capsys.readouterr().out


def test_appends(path):
    for text in ("one", "two"):
        Log(path, quiet=True)(text)
    assert written(path) == ["one", "two"]


def test_quiet_writes_and_does_not_print(path, capsys):
    log = Log(path, quiet=True)
    log("text")
    log.table(Table("column"))
    assert capsys.readouterr().out == ""
    assert "text" in written(path)


def test_without_a_file_it_prints(capsys):
    Log()("text")
    assert capsys.readouterr().out == "text\n"


def test_a_table_is_plain_text_in_the_file(path, capsys):
    table = Table("view", "accuracy", title="[bold]test[/bold]")
    table.add_row("raw", "[green]0.91[/green]")
    Log(path).table(table)
    text = "\n".join(written(path))
    assert "0.91" in text
    assert "\x1b" not in text
    assert "[green]" not in text
    assert "0.91" in capsys.readouterr().out


def test_a_closed_standard_output_leaves_the_file(path):
    code = f"""
import sys
from rich.table import Table
from recipelab.records.log import Log
log = Log({str(path)!r})
log("first")
sys.stdin.read()
for number in range(3):
    log(str(number))
log.table(Table("column"))
log("last")
print("after")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "first\n"
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=10) == 0
    assert written(path)[:4] == ["first", "0", "1", "2"]
    assert written(path)[-1] == "last"


def test_a_full_disk_is_said_once(capsys):
    log = Log("/dev/full")
    log("one")
    log("two")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "one",
        "warning: /dev/full cannot be written (No space left on device); the log goes on without it",
        "two",
    ]


def test_what_was_said_before_there_was_a_file_comes_first(path, capsys):
    log = Log()
    log("early\nwords")
    log.table(Table("column"))
    log.attach(path)
    log("late")
    lines = written(path)
    assert (lines[:2], lines[-1]) == (["early", "words"], "late")
    assert "column" in "".join(lines)
    assert capsys.readouterr().out.count("early") == 1


def test_a_file_that_cannot_be_made_is_said(tmp_path, capsys):
    log = Log(tmp_path / "missing" / "train.log")
    log("text")
    log("more")
    first, second, third = capsys.readouterr().out.splitlines()
    assert "missing/train.log cannot be written (No such file or directory)" in second
    assert (first, third) == ("text", "more")


def test_a_terminal_without_these_letters(path):
    code = f"from recipelab.records.log import Log; Log({str(path)!r})('größe')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (0, "gr??e\n")
    assert written(path) == ["größe"]
