"""metrics.csv: round trips, new columns, resumes, files cut short."""

from __future__ import annotations

import csv
import math

import pytest

from recipelab.core.errors import UserError
from recipelab.records.metrics_file import MetricsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def row(step, **others):
    return {"epoch": step // 10, "step": step, "samples": step * 128, "seconds": step / 7, **others}


def test_own_columns_first_then_by_first_appearance(path):
    metrics = MetricsFile(path)
    metrics.append({"train_loss": 0.5, "step": 1, "epoch": 0})
    metrics.append({"val_raw_nll": 2.0, "step": 2, "lr": 0.1})
    assert path.read_text() == (
        "epoch,step,samples,seconds,train_loss,val_raw_nll,lr\n"  #
        "0,1,,,0.5,,\n"
        ",2,,,,2.0,0.1\n"
    )


def test_numbers_read_back_equal_and_of_the_same_kind(path):
    values = {"a": 0.1 + 0.2, "b": 1e-323, "c": -0.0, "d": 2**62, "e": 3.0, "f": math.inf, "g": None, "h": 1 / 3}
    MetricsFile(path).append({**row(1), **values})
    (read,) = MetricsFile(path).rows()
    assert {key: repr(read[key]) for key in values} == {key: repr(value) for key, value in values.items()}
    MetricsFile(path).append(row(2, a=math.nan))
    assert math.isnan(MetricsFile(path).rows()[1]["a"])


def test_same_as_pythons_csv_writer(path):
    """The slow twin: every row written again through csv at every append."""
    rows = [row(1), row(2, lr=0.1), row(3, train_loss=1.5, lr=1e-7), row(4, train_loss=None)]
    metrics = MetricsFile(path)
    for number, new in enumerate(rows, start=1):
        metrics.append(new)
        columns = list(dict.fromkeys(name for seen in rows[:number] for name in seen))
        with open(path.with_name("twin.csv"), "w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[:number])
        assert path.read_text() == path.with_name("twin.csv").read_text()


def test_another_process_goes_on_where_one_stopped(path):
    first = MetricsFile(path)
    for step in range(1, 31):
        first.append(row(step, train_loss=float(step)))
    uninterrupted = path.read_text()
    resumed = MetricsFile(path)
    resumed.truncate(17)
    assert [read["step"] for read in resumed.rows()] == list(range(1, 18))
    for step in range(18, 31):
        resumed.append(row(step, train_loss=float(step)))
    assert path.read_text() == uninterrupted


def test_truncate_of_nothing_writes_nothing(path):
    metrics = MetricsFile(path)
    metrics.truncate(5)
    assert not path.exists()
    metrics.append(row(5))
    before = path.stat().st_ino
    metrics.truncate(5)
    assert path.stat().st_ino == before


def test_a_missing_and_an_empty_file_have_no_rows(path):
    assert MetricsFile(path).rows() == []
    path.touch()
    assert MetricsFile(path).rows() == []


def test_a_line_cut_short_is_left_out_and_written_over(path):
    metrics = MetricsFile(path)
    metrics.append(row(1, train_loss=0.25))
    metrics.append(row(2, train_loss=0.125))
    whole = path.read_bytes()
    second = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(second, len(whole)):  # 0.12 of 0.125 reads as a number: only the line's end tells
        path.write_bytes(whole[:cut])
        assert [read["step"] for read in MetricsFile(path).rows()] == [1]
        MetricsFile(path).append(row(2, train_loss=0.125))
        assert path.read_bytes() == whole


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5,6", "1,x,3,4,5", "a,b,c,d,e", "1,2,3,4,\x00\x00"])
def test_any_other_broken_line_is_named(path, line):
    MetricsFile(path).append(row(1, lr=0.1))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError, match=r"metrics\.csv, line 3 cannot be read"):
        MetricsFile(path).rows()


def test_another_files_columns_are_refused(path):
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="does not begin with epoch,step,samples,seconds"):
        MetricsFile(path).rows()


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\nb", "=cmd()", "", "@x"])
def test_a_column_that_would_break_the_file_is_refused(path, name):
    with pytest.raises(ValueError, match="cannot be a column"):
        MetricsFile(path).append({"step": 1, name: 1.0})
    assert not path.exists()


def test_other_values_are_refused(path):
    with pytest.raises(TypeError, match="metric lr is a str"):
        MetricsFile(path).append({"step": 1, "lr": "0.1"})


def test_a_failed_write_keeps_the_old_file(path):
    MetricsFile(path).append(row(1))

    def full(path, text):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        MetricsFile(path, full).append(row(2))
    assert [read["step"] for read in MetricsFile(path).rows()] == [1]
