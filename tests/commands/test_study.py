"""`recipelab study` on digits: shared and forked trainings are bit for bit what each would be alone."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from compare import different
from recipelab.cli import main
from recipelab.commands.multirun import multirun
from recipelab.commands.study import study
from recipelab.commands.train import train
from recipelab.core.errors import RunError, UserError
from recipelab.records.record import Record
from recipelab.reports.gathering import gather

TINY = [
    "model=cnn",
    "model.width=4",
    "data.limit=300",
    "trainer.batch_size=32",
    "trainer.threads=1",
    "result_plot=none",
]
EVERYTHING = ["mix=mixup", "sam=sam", "logger=none", "trainer.epochs=4", "averaging=ema"]
CONTENT = {
    "control": [*TINY, *EVERYTHING],
    "seeds": [3],
    "claims": [
        {"arm": "multistep, fast", "than": "constant, fast"},
        {"arm": "multistep, fast", "than": "constant, fast", "metric": "acuracy"},
    ],
    "grid": {
        "scheduler": {"multistep": ["scheduler=multistep"], "constant": ["scheduler=constant"]},
        "average": {
            "slow": ["averaging.decay=0.9", "select_view=ema_0.9"],
            "fast": ["averaging.decay=0.5", "averaging.debias=true", "select_view=ema_0.5"],
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two trainings, one of them forked from the other."""
    root = tmp_path_factory.mktemp("a study")
    (root / "four.yaml").write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    study(str(root / "four.yaml"), output=str(root), quiet=True)
    return root / "four"


def records(folder: Path) -> list[Record]:
    return [Record.open(path.parent) for path in sorted(folder.glob("runs/*/*/result.json"))]


def test_four_arms_are_two_trainings_one_of_them_half(folder: Path):
    found = records(folder)
    assert len(found) == 2
    forked = [record.result()["forked_from"] for record in found if "forked_from" in record.result()]
    assert len(forked) == 1
    assert (folder / "runs").is_dir()
    assert forked[0]["step"] > 0


def test_at_its_end_it_names_the_command_of_its_report(folder: Path):
    *_, last = (folder / "study.log").read_text().splitlines()
    assert shlex.split(last.partition("its report: ")[2]) == ["recipelab", "report", str(folder)]
    assert [one.path for one in gather([folder]).studies] == [folder]


def test_a_fork_is_what_it_would_be_alone(folder: Path, tmp_path: Path):
    """With averages, sharpness-aware minimisation and mixing on: weights, averages, bests, metrics and ledger."""
    forked = next(record for record in records(folder) if "forked_from" in record.result())
    config = forked.config()
    assert config["scheduler"]["_target_"].endswith("constant")
    alone = train(f"output={tmp_path}", "trainer.checkpoint_at=[]", config=str(forked.path), quiet=True).record
    for name in ("last", "best", "best_ema_0.9", "best_ema_0.5"):
        assert not different(forked.load_checkpoint(name)["model"], alone.load_checkpoint(name)["model"], name)
    timed = ("seconds", "epoch_seconds", "images_per_second")
    rows = [[{k: v for k, v in row.items() if k not in timed} for row in r.metrics.rows()] for r in (forked, alone)]
    assert rows[0] == rows[1]
    ledgers = [record.ledger("val").read() for record in (forked, alone)]
    for view in ("raw", "ema_0.9", "ema_0.5"):
        assert (ledgers[0].correct(view) == ledgers[1].correct(view)).all()
    for split in ("train", "val", "test"):
        assert forked.result()[split] == alone.result()[split]


def test_an_arm_is_what_it_would_be_alone(folder: Path, tmp_path: Path):
    """The arm's own command, with its own averages only, comes to the number in the study's table."""
    study_says = {
        row["arm"]: float(row["accuracy"]) for row in csv.DictReader((folder / "results.csv").read_text().splitlines())
    }
    words = [*CONTENT["control"], *CONTENT["grid"]["average"]["fast"], "scheduler=multistep", "seed=3"]
    run = train(*words, f"output={tmp_path}", quiet=True)
    assert study_says["multistep, fast"] == run.result["test"]["best"]["ema_0.5"]["accuracy"]


def test_the_same_command_runs_nothing_again(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("recipelab.studies.local.LocalLauncher.start", None)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/*")}
    found = study(str(folder.parent / "four.yaml"), output=str(folder.parent), quiet=True)
    assert found is not None
    assert len(found.measured) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/*")} == before


def test_its_files_say_what_it_found(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    assert [arm["arm"] for arm in summary["arms"]] == [
        "multistep, slow", "multistep, fast", "constant, slow", "constant, fast",
    ]  # fmt: skip
    assert all(arm["verdict"]["word"] == "unproven" for arm in summary["arms"][1:])  # one seed
    for arm in summary["arms"][1:]:  # the ledgers of the test split tell the same difference
        over = arm["over_examples"]
        assert (over["seeds"], over["low"], len(over["p_mcnemar"])) == (1, None, 1)
        assert over["mean"] == pytest.approx(arm["verdict"]["difference"]["mean"], abs=1e-9)
        assert (over["only_arm"] - over["only_other"]) / over["examples"] == pytest.approx(over["mean"], abs=1e-9)
    assert [(claim["found"], claim["n"]) for claim in summary["claims"]] == [("unproven", 1), ("unproven", 0)]
    assert "no record has test acuracy" in summary["claims"][1]["says"]
    for run in summary["runs"]:
        assert (folder / run["record"] / "result.json").is_file()
    assert (folder / "table.md").read_text().startswith("| arm |")
    assert summary["levels"]["multistep, slow"] == {"scheduler": "multistep", "average": "slow"}
    drawn = {path.name for path in folder.glob("figures/*")}
    assert {"curves.png", "training.png", "distances.png", "table_recipes.md", "table_scheduler.md"} <= drawn
    assert (folder / "arms.png").read_bytes().startswith(b"\x89PNG")


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "four.yaml").write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    study(str(tmp_path / "four.yaml"), output=str(tmp_path / "out"), dry_run=True)
    said = capsys.readouterr().out
    assert "4 requested, 2 trajectories, 1.5 training-equivalents, 62 % saved" in said
    assert "constant, fast: recipelab train model=cnn" in said
    assert not (tmp_path / "out").exists()


def test_one_failing_arm_ends_neither_the_others_nor_the_table(tmp_path: Path):
    content = {
        "control": [*TINY, "logger=none", "trainer.epochs=1", "optimizer.lr=0.01"],
        "seeds": [1],
        "arms": {"diverges": ["optimizer.lr=1e30"]},
    }
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(RunError, match="1 training failed; the rest is done"):
        study(str(tmp_path / "two.yaml"), output=str(tmp_path), quiet=True)
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert [arm["arm"] for arm in summary["arms"]] == ["control"]
    assert summary["missing"] == ["diverges, seed 1"]


def test_an_arm_that_cannot_be_is_refused_before_anything_runs(tmp_path: Path):
    content = {"control": TINY, "arms": {"typo": ["optimizer.lrr=1"]}}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(UserError, match=r"(?s)arm typo: .*did you mean: optimizer.lr"):
        study(str(tmp_path / "bad.yaml"), output=str(tmp_path / "out"), quiet=True)
    assert not (tmp_path / "out").exists()


def test_an_unknown_study_names_the_nearest(tmp_path: Path):
    with pytest.raises(UserError, match="did you mean: ema_schedules"):
        study("ema_scedules", dry_run=True)


def test_multirun_is_a_study_without_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [*TINY, "scheduler=multistep,constant", "optimizer.lr=choice(0.1,0.05)", "seed=1,2", f"output={tmp_path}"]
    multirun(words, dry_run=True)
    said = capsys.readouterr().out
    assert "8 requested, 8 trajectories, 6 training-equivalents" in said or "8 requested" in said
    assert "multistep, lr=0.05: recipelab train" in said


def test_weights_of_a_warm_start_are_those_of_a_cold_one(folder: Path, tmp_path: Path):
    """Forked from the preloaded server in the study, and trained in this process."""
    whole = next(record for record in records(folder) if "forked_from" not in record.result())
    alone = train(f"output={tmp_path}", config=str(whole.path), quiet=True).record
    ours, theirs = whole.load_checkpoint("last"), alone.load_checkpoint("last")
    assert all(torch.equal(ours["model"][key], theirs["model"][key]) for key in theirs["model"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "3"], "--jobs is of a study"),
        (["--dry-run"], "--dry-run is of a study"),
        (["--option", "timeout_min=3"], "--option is of a study"),
        (["--multirun", "--cfg", "job"], "--cfg is of one training"),
        (["--multirun", "--config", "some.yaml"], "--config is of one training"),
    ],
)
def test_an_option_that_nothing_would_read_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_runs_that_were_executed_differently_get_no_verdict_unless_asked(folder: Path):
    path = sorted(folder.glob("runs/*/*/environment.json"))[0]
    before = path.read_text()
    changed = json.loads(before)
    changed["execution"]["device"] = "another processor"
    path.write_text(json.dumps(changed))
    try:
        for mixed in (False, True):
            found = study(str(folder.parent / "four.yaml"), output=str(folder.parent), quiet=True, mixed=mixed)
            assert found is not None
            assert [line.verdict is not None for line in found.lines] == [False] + [mixed] * 3
            assert ("verdicts are withheld" in found.notes[0]) is not mixed
    finally:
        path.write_text(before)
