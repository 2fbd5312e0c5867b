"""`recipelab tune` on digits: drawn, pruned and failed trials, and a winner whose test split is opened once."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path

import optuna
import pytest
import yaml

from recipelab.cli import main
from recipelab.commands.train import train
from recipelab.commands.tune import tune
from recipelab.config.tree import packaged_tree
from recipelab.core.errors import RunError, UserError
from recipelab.records.listing import find
from recipelab.records.record import Record
from recipelab.reports.gathering import gather
from recipelab.tuning.definition import read_search

TINY = [
    "model=cnn",
    "model.width=4",
    "data.limit=300",
    "trainer.batch_size=32",
    "trainer.epochs=2",
    "trainer.precision=32",
    "logger=none",
    "result_plot=none",
]
SPACE = ["optimizer.lr=log(0.001,1)", "optimizer.nesterov=true,false", "optimizer.momentum=choice(0.0,0.9)"]
SEARCHES = sorted((packaged_tree() / "search").glob("*.yaml"))
# What a search of the package leaves open: the data.
NEEDS = {"adamw_finetune": ["model=resnet18"], "sgd": [], "augmentation": ["augment.cutout=4"], "resnet20": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of six trials. Nesterov's momentum of nothing is a combination that cannot be."""
    root = tmp_path_factory.mktemp("search")
    words = [*TINY, *SPACE, "sampler=random", "pruner.n_startup_trials=4", "trials=6"]
    tune(*words, name="six", output=str(root), quiet=True)
    return root / "six"


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


def test_all_trials_have_ended_and_say_how(folder: Path):
    found = rows(folder)
    assert [row["trial"] for row in found] == [str(n) for n in range(6)]
    assert {row["state"] for row in found} >= {"finished", "failed"}
    for row in found:
        if row["state"] == "failed":
            assert (row["optimizer.nesterov"], row["optimizer.momentum"]) == ("True", "0.0")
            assert "optimizer.nesterov=true needs optimizer.momentum > 0" in row["reason"]
        else:
            assert (folder / row["record"] / "result.json").is_file()


def test_at_its_end_it_names_the_command_of_its_report(folder: Path):
    said = next(line for line in (folder / "search.log").read_text().splitlines() if "its report: " in line)
    assert shlex.split(said.partition("its report: ")[2]) == ["recipelab", "report", str(folder)]
    assert {one.path for one in gather([folder]).runs} == set(find(folder))


def test_its_value_is_the_last_evaluations(folder: Path):
    for row in rows(folder):
        if row["state"] == "finished":
            last = Record.open(folder / row["record"]).metrics.rows()[-1]
            assert float(row["accuracy"]) == last["val_raw_accuracy"]


def test_the_test_split_is_opened_once_for_the_winner(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    (best,) = summary["best"]
    values = [t["accuracy"] for t in summary["trials"] if t["state"] == "finished"]
    winner = summary["trials"][best]
    assert winner["accuracy"] == max(values)
    for path in find(folder / "trials"):
        result = json.loads((path / "result.json").read_text())
        opened = (result.get("lockbox") or {}).get("opened", 0)
        assert opened == (1 if path == folder / winner["record"] else 0)
        assert "test" not in result
    (kept,) = (folder / winner["record"] / "evaluations").iterdir()
    assert json.loads(kept.read_text())["rows"][0]["metrics"]["accuracy"] == summary["test"]["accuracy"]
    assert summary["test"]["checkpoint"] == "last"


def test_the_same_command_runs_nothing_again_and_opens_nothing_again(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("recipelab.studies.local.LocalLauncher.start", None)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/*") if path.is_file()}
    words = [*TINY, *SPACE, "sampler=random", "pruner.n_startup_trials=4", "trials=6"]
    found = tune(*words, name="six", output=str(folder.parent), quiet=True)
    assert found is not None
    assert len(found.rows) == 6
    assert {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/*") if path.is_file()} == before


def test_its_own_file_goes_on_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("recipelab.studies.local.LocalLauncher.start", None)
    said = yaml.safe_load((folder / "search.yaml").read_text())
    found = tune(str(folder / "search.yaml"), quiet=True)
    assert found is not None
    assert [row.number for row in found.rows] == list(range(6))
    assert yaml.safe_load((folder / "search.yaml").read_text()) == said
    monkeypatch.chdir(folder)
    again = tune("search.yaml", "pruner=none", quiet=True)
    assert again is not None
    assert again.rows == found.rows
    assert yaml.safe_load(Path("search.yaml").read_text())["overrides"] == [*said["overrides"], "pruner=none"]
    (folder / "search.yaml").write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True))


def test_a_changed_space_does_not_go_on(folder: Path):
    said = (folder / "search.yaml").read_text()
    with pytest.raises(UserError, match="began with another space"):
        tune(*TINY, *SPACE[1:], "optimizer.lr=log(0.01,1)", name="six", output=str(folder.parent), quiet=True)
    assert (folder / "search.yaml").read_text() == said


def test_an_evaluation_with_a_temperature_is_not_taken_for_the_winners_result(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "six")
    before = json.loads((tmp_path / "six" / "summary.json").read_text())
    winner = tmp_path / "six" / before["trials"][before["best"][0]]["record"]
    (kept,) = (winner / "evaluations").iterdir()
    content = json.loads(kept.read_text())
    content["rows"][0]["metrics"]["accuracy"] = 0.0
    (winner / "evaluations" / "0_digits_test.json").write_text(json.dumps({**content, "temperature": 2.0}))
    tune(str(tmp_path / "six" / "search.yaml"), quiet=True)
    after = json.loads((tmp_path / "six" / "summary.json").read_text())
    assert (after["test"], after["opened"]) == (before["test"], before["opened"])


@pytest.mark.parametrize("own", [True, False])
def test_records_of_another_storage_are_not_taken_for_its_own(own: bool, folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "six")
    (tmp_path / "six" / "search.db").unlink()
    before = {path for path in (tmp_path / "six").rglob("*")}
    storage = None if own else f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(UserError, match=r"the record of trial 0, .*\n  fix: the --storage that it was begun with"):
        tune(str(tmp_path / "six" / "search.yaml"), storage=storage, quiet=True)
    assert {path for path in (tmp_path / "six").rglob("*")} == before


def test_a_storage_with_another_study_of_the_name_is_refused_and_nothing_left(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    optuna.create_study(study_name="theirs", storage=url, direction="maximize").ask()
    with pytest.raises(UserError, match="that is no search of ours"):
        tune(*TINY, *SPACE, name="theirs", storage=url, output=str(tmp_path / "out"), quiet=True)
    assert not list((tmp_path / "out").iterdir())


def test_the_best_recipe_is_the_winners(folder: Path, tmp_path: Path):
    summary = json.loads((folder / "summary.json").read_text())
    winner = Record.open(folder / summary["trials"][summary["best"][0]]["record"])
    again = train(f"output={tmp_path}", config=str(folder / "best.yaml"), quiet=True)
    assert again.result["val"]["last"] == winner.result()["val"]["last"]
    assert again.result["lockbox"]["opened"] == 1
    assert again.result["test"]["last"]["raw"]["accuracy"] == summary["test"]["accuracy"]


def test_optuna_reads_its_storage(folder: Path):
    study = optuna.load_study(study_name="six", storage=f"sqlite:///{folder / 'search.db'}")
    assert not [t for t in study.trials if not t.state.is_finished()]
    assert study.best_trial.number == json.loads((folder / "summary.json").read_text())["best"][0]


def test_it_leaves_tables_and_pictures(folder: Path):
    assert (folder / "table.md").read_text().startswith("| trial | accuracy | time |")
    assert {p.stem for p in (folder / "figures").glob("*.png")} >= {"search_history", "search_slices"}
    assert not list((folder / "workers").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimizer.lrr=log(0.1,1)"], "did you mean: optimizer.lr"),
        (["modell=cnn,mlp"], "did you mean: model"),
        (["model=cnn,resnet2"], "did you mean: model=resnet20"),
        (["optimizer.momentum=uniform(0,2)"], "optimizer.momentum=2.0"),
        (["optimizer.lr=log(0.1,1)", "search.metric=acuracy"], "did you mean: accuracy"),
        (["optimizer.lr=log(0.1,1)", "search.view=ema_0.9"], "the views of this recipe are raw"),
        (["optimizer.lr=log(0.1,1)", "sampler=grid"], "a range without a step"),
        (["optimizer.lr=lgo(0.1,1)"], "does not say how"),
        (["optimizer.lr=0.1"], "needs a space"),
        (["sdg"], "did you mean: sgd"),
        (["optimizer=sgd,adamw", "optimizer.momentum=uniform(0.1,0.9)"], "drawn under a condition"),
    ],
)
def test_what_is_wrong_is_refused_before_any_work(words: list[str], said: str, tmp_path: Path):
    with pytest.raises(UserError, match=said):
        tune(*words[:1], *TINY[1:], *words[1:], output=str(tmp_path / "out"), quiet=True)
    assert not (tmp_path / "out").exists()


def test_a_condition_that_nothing_meets_is_refused(tmp_path: Path):
    file = tmp_path / "bad.yaml"
    space = {"optimizer.lr": "log(0.1,1)"}
    file.write_text(yaml.safe_dump({"space": space, "when": {"mix=mixup": {"mix.alpha": "uniform(0.1,1)"}}}))
    with pytest.raises(UserError, match="mix.alpha would never be drawn"):
        tune(str(file), dry_run=True)


@pytest.mark.parametrize("words", [["train", "--multirun"], ["train"]])
def test_a_drawn_value_of_one_training_points_to_the_search(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main([*words, "optimizer.lr=log(0.01,1)"]) == 2
    assert "recipelab tune 'optimizer.lr=log(0.01,1)'" in capsys.readouterr().err


@pytest.mark.parametrize("file", SEARCHES, ids=lambda file: file.stem)
def test_a_search_of_the_package_is_sound(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert tune(file.stem, *NEEDS[file.stem], output=str(tmp_path / "out"), dry_run=True) is None
    said = capsys.readouterr().out
    for param in read_search(yaml.safe_load(file.read_text()), []).params:
        assert f"  {param.name}: " in said
    assert not (tmp_path / "out").exists()


def test_a_search_in_which_nothing_finishes_says_why(tmp_path: Path):
    words = [*TINY, "optimizer.lr=choice(1e30,1e31)", "sampler=grid"]
    with pytest.raises(RunError, match="(?s)no trial has finished.*not finite"):
        tune(*words, name="diverges", output=str(tmp_path), quiet=True)
    study = optuna.load_study(study_name="diverges", storage=f"sqlite:///{tmp_path / 'diverges' / 'search.db'}")
    assert [t.state.name for t in study.trials] == ["FAIL", "FAIL"]


def test_several_metrics_end_in_a_front_and_the_test_split_stays_closed(tmp_path: Path):
    words = [*TINY, "trainer.epochs=1", "model.width=4,8", "sampler=grid", "search.metric=[accuracy,parameters]"]
    found = tune(*words, name="front", output=str(tmp_path), quiet=True)
    assert found is not None
    assert len(found.rows) == 2
    cheapest = min(found.rows, key=lambda row: row.values[1])
    assert cheapest.number in found.best
    assert (tmp_path / "front" / "figures" / "search_front.png").is_file()
    for path in find(tmp_path / "front" / "trials"):
        assert Record.open(path).result()["lockbox"]["opened"] == 0
