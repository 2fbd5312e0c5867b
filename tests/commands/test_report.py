"""`recipelab report`: what it writes, and what it refuses."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made_records import make_run, make_study
from recipelab.cli import main
from tiny_recipe import USER_TREE

Capture = pytest.CaptureFixture[str]


def test_a_study_becomes_a_page_markdown_tables_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    monkeypatch.chdir(tmp_path)
    make_study(tmp_path / "mine", {"a": [0.8, 0.81], "b": [0.9, 0.92]})
    assert main(["report", "mine"]) == 0
    folder = tmp_path / "report_mine"
    assert "wrote report_mine/report.html" in capsys.readouterr().out
    page, text = ((folder / name).read_text() for name in ("report.html", "report.md"))
    for found in (page, text):
        assert "Which is better?" in found
        assert "91.00" in found
    with open(folder / "tables" / "study_1_results.csv", newline="") as file:
        assert list(csv.reader(file)) == [["arm", "seed 0", "seed 1"], ["a", "0.8", "0.81"], ["b", "0.9", "0.92"]]
    pictures = {path.suffix for path in (folder / "figures").iterdir()}
    assert pictures <= {".png", ".svg"}
    for line in text.splitlines():
        if line.startswith("!["):
            assert (folder / line.rpartition("(")[2].rstrip(")")).is_file()


def test_one_run_has_its_figures_and_several_when_asked(tmp_path: Path):
    one, _ = make_run(tmp_path / "runs" / "a"), make_run(tmp_path / "runs" / "b", seed=1)

    def pictures(*words: str) -> set[str]:
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        assert main(["report", *words, "--output", str(out)]) == 0
        return {path.name for path in (out / "figures").glob("run_*.png")}

    assert pictures(str(one))
    assert not pictures(str(tmp_path / "runs"))
    assert {name.split("_")[1] for name in pictures(str(tmp_path / "runs"), "--every-picture")} == {"1", "2"}


def test_records_are_left_as_they_were(tmp_path: Path):
    folder = make_run(tmp_path / "r")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["report", str(folder), "--output", str(tmp_path / "out")]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path: Path, capsys: Capture):
    assert main(["report", str(tmp_path / "none"), "--output", str(tmp_path / "out")]) == 2
    assert "none does not exist" in capsys.readouterr().err
    make_run(tmp_path / "r")
    (tmp_path / "file").write_text("")
    assert main(["report", str(tmp_path / "r"), "--output", str(tmp_path / "file")]) == 2
    assert "--output" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_single_samples_are_drawn_when_asked_or_it_is_said_why_not(
    tmp_path: Path, train_tiny: Callable[..., Any], capsys: Capture
):
    run = train_tiny("trainer.epochs=1")
    out = tmp_path / "out"
    words = ["report", str(run.path), "--samples", "--config-dir", str(USER_TREE), "--output", str(out)]
    assert main(words) == 0
    drawn = {path.stem for path in (out / "figures").glob("*.png")}
    assert any("reliability" in name for name in drawn)
    assert any("loss" in name for name in drawn)
    for name in drawn:
        assert f"figure-{name}" in (out / "report.html").read_text()
    made = make_run(tmp_path / "made")
    capsys.readouterr()
    assert main(["report", str(made), "--samples", "--output", str(out)]) == 0
    assert "Nothing on single samples: " in capsys.readouterr().out
    assert "Nothing on single samples: " in (out / "report.html").read_text()


def test_an_option_of_samples_is_not_passed_over(tmp_path: Path, capsys: Capture):
    assert main(["report", str(make_run(tmp_path / "r")), "--config-dir", "x"]) == 2
    assert "--config-dir is for --samples" in capsys.readouterr().err


def test_a_folder_holds_what_its_last_report_wrote_and_what_others_put_there(tmp_path: Path):
    out = tmp_path / "out"

    def files(*words: str) -> set[str]:
        assert main(["report", *words, "--output", str(out)]) == 0
        return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}

    study = make_study(tmp_path / "study", {"a": [0.8, 0.81], "b": [0.9, 0.92]})
    files(str(study))
    mine = out / "tables" / "mine.csv"
    mine.write_text("kept")
    run = make_run(tmp_path / "run")
    fresh = files(str(run))
    assert mine.read_text() == "kept"
    assert (out / "files.txt").read_text().split() == sorted(fresh - {"tables/mine.csv", "files.txt"})
    assert not any("study" in name for name in fresh)
