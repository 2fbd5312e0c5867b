"""A run for each fold: what they are, what they come to, and that an interrupted one goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from processes import at, send
from recipelab import cross_validate, evaluate, predict, train
from recipelab.cli import main
from recipelab.commands.crossval import CrossValidation
from recipelab.core.errors import Interrupted, UserError
from recipelab.records.record import Record
from recipelab.reports.crossval_tables import mean_and_deviation, measured, warnings
from recipelab.reports.gathering import gather
from tiny_recipe import USER_TREE

FOLDER: dict[str, Any] = {"config_dir": str(USER_TREE), "quiet": True}
Tiny = Callable[..., list[str]]
FOLDS = ("data.folds=3", "averaging=ema", "averaging.decays=[0.5]", "trainer.epochs=2")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    from tiny_recipe import TINY

    return cross_validate(*TINY, *FOLDS, f"output={tmp_path_factory.mktemp('it is')}", **FOLDER)


def weights(path: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(path / "checkpoints" / "last.pt", weights_only=True)["model"]
    return found


def test_a_record_a_fold_of_the_same_seed(done: CrossValidation) -> None:
    told = [Record.open(run.path).config() for run in done.runs]
    assert [config["data"]["fold"] for config in told] == [0, 1, 2]
    assert {config["seed"] for config in told} == {0}
    assert {run.path.parent for run in done.runs} == {done.path}
    assert [run.path.name[-3:] for run in done.runs] == ["_f0", "_f1", "_f2"]
    assert all(run.result["status"] == "finished" for run in done.runs)


def test_every_fold_is_the_run_that_it_would_be_alone(done: CrossValidation, tiny: Tiny) -> None:
    alone = train(*tiny(*FOLDS, "data.fold=1"), **FOLDER)
    assert alone.result["recipe_hash"] == done.runs[1].result["recipe_hash"]
    for key, value in weights(alone.path).items():
        assert torch.equal(value, weights(done.runs[1].path)[key])


def test_the_summary(done: CrossValidation) -> None:
    summary = json.loads((done.path / "cross_validation.json").read_text())
    assert summary == done.summary
    assert (summary["schema"], summary["status"], summary["seed"]) == (1, "finished", 0)
    assert [fold["record"] for fold in summary["folds"]] == [run.path.name for run in done.runs]
    for split in ("train", "val", "test"):
        for metric in ("accuracy", "nll", "f1"):
            values = [run.result[split]["best"]["raw"][metric] for run in done.runs]
            assert summary["mean"][split][metric] == pytest.approx(np.mean(values))
            assert summary["std"][split][metric] == pytest.approx(np.std(values, ddof=1))
    validated = sum(len_of(run.path, "val") for run in done.runs)
    assert validated == len_of(done.runs[0].path, "val") + len_of(done.runs[0].path, "train"), "each sample once"


def test_a_report_says_what_the_summary_says(done: CrossValidation) -> None:
    (one,) = gather([done.path]).crossvals
    for (split, metric), values in measured(one, "raw").items():
        mean, deviation = mean_and_deviation(values)
        assert mean == pytest.approx(done.summary["mean"][split][metric], nan_ok=True)
        assert deviation == pytest.approx(done.summary["std"][split][metric], nan_ok=True)
    assert set(measured(one, "ema_0.5")) == set(measured(one, "raw"))
    assert len(warnings(one)) == 1, "that folds are no independent runs"


def len_of(path: Path, split: str) -> int:
    return int(Record.open(path).environment()["splits"][split]["samples"])


def test_the_ensemble_of_the_folds(done: CrossValidation, tmp_path: Path) -> None:
    copies = shutil.copytree(done.path, tmp_path / "copies")
    found = evaluate(copies, ensemble="logits", split="test", **FOLDER)
    assert found.metrics == done.summary["ensemble"]["test"]
    assert len(found.rows) == 4
    opened = [Record.open(run.path).result()["lockbox"]["opened"] for run in done.runs]
    assert opened == [1, 1, 1], "the ensemble at the end is the cross-validation's own opening"


def test_the_folder_stands_for_its_folds(done: CrossValidation, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.png")
    together = predict(done.path, tmp_path / "a.png", ensemble="logits", config_dir=str(USER_TREE))
    each = [predict(run.path, tmp_path / "a.png", config_dir=str(USER_TREE)) for run in done.runs]
    mean = torch.stack([one.probabilities.log() for one in each]).mean(0).softmax(1)
    torch.testing.assert_close(together.probabilities, mean, rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match="give --ensemble"):
        predict(done.path, tmp_path / "a.png", config_dir=str(USER_TREE))


@pytest.mark.parametrize(("place", "count"), [("step", 3), ("step", 20), ("checkpoint", 7), ("lockbox", 2)])
def test_an_interrupted_one_goes_on_with_the_same_command(
    place: str, count: int, done: CrossValidation, tiny: Tiny, tmp_path: Path
) -> None:
    words = tiny(*FOLDS, "data.fold=all")
    with at(place, count, send(signal.SIGINT)), pytest.raises(Interrupted):
        cross_validate(*words, **FOLDER)
    (folder,) = (tmp_path / "outputs").iterdir()
    begun = {path: path.stat().st_mtime_ns for path in folder.rglob("last.pt")}
    finished = {path.parent.parent for path in begun if Record.open(path.parent.parent).status() == "finished"}
    again = cross_validate(*words, **FOLDER)
    assert again.path == folder
    assert len(again.runs) == 3
    for path, time in begun.items():
        assert (path.stat().st_mtime_ns == time) == (path.parent.parent in finished) or place == "lockbox"
    for one, other in zip(again.runs, done.runs, strict=True):
        assert all(torch.equal(value, weights(other.path)[key]) for key, value in weights(one.path).items())
    assert again.summary["mean"] == done.summary["mean"]
    assert again.summary["ensemble"] == done.summary["ensemble"]


def test_a_finished_one_is_not_gone_on_with_and_another_recipe_begins_its_own(tiny: Tiny, tmp_path: Path) -> None:
    words = tiny("data.folds=2", "trainer.epochs=1")
    with at("step", 2, send(signal.SIGINT)), pytest.raises(Interrupted):
        cross_validate(*words, **FOLDER)
    other = cross_validate(*words, "optimizer.lr=0.01", **FOLDER)
    first = cross_validate(*words, **FOLDER)
    second = cross_validate(*words, **FOLDER)
    assert len({other.path, first.path, second.path}) == len(list((tmp_path / "outputs").iterdir())) == 3


def test_without_a_seed_the_one_that_was_drawn_goes_on(tiny: Tiny, tmp_path: Path) -> None:
    words = [word for word in tiny("data.folds=2", "trainer.epochs=1") if not word.startswith("seed")]
    with at("step", 8, send(signal.SIGINT)), pytest.raises(Interrupted):
        cross_validate(*words, **FOLDER)
    again = cross_validate(*words, **FOLDER)
    assert len(list((tmp_path / "outputs").iterdir())) == 1
    assert {Record.open(run.path).config()["seed"] for run in again.runs} == {again.summary["seed"]}


def test_with_the_lockbox_closed_there_is_no_ensemble(tiny: Tiny) -> None:
    found = cross_validate(*tiny("data.folds=2", "trainer.epochs=1", "lockbox=closed"), **FOLDER)
    assert set(found.summary["mean"]) == {"train", "val"}
    assert "ensemble" not in found.summary


def test_the_command(tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tiny("data.folds=2", "data.fold=all", "trainer.epochs=1")
    assert main(["train", *words, f"--config-dir={USER_TREE}"]) == 0
    out = capsys.readouterr().out
    (folder,) = (tmp_path / "outputs").iterdir()
    summary = json.loads((folder / "cross_validation.json").read_text())
    for split in ("val", "test"):
        line = next(line for line in out.splitlines() if f"{split}, mean" in line)
        assert f"{summary['mean'][split]['accuracy']:.2%}" in line
    assert f"cross-validation: {folder}\nits report: recipelab report {folder}\n" in out
    assert main(["runs", str(tmp_path / "outputs")]) == 0
    assert capsys.readouterr().out.count("_f") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.fold=all",), "data.fold=all has nothing to apply to: give data.folds"),
        (("data.folds=500", "data.fold=all"), "has 20 samples, and data.folds needs 500"),
        (("data.folds=2", "data.fold=al"), "data.fold='al': "),
        (("data.folds=2", "data.fold=all", "trainer.resume=auto"), "goes on by itself"),
        (("data.folds=2", "data.fold=all", "trainer.precision=16-mixed"), "no mixed fp16 on a CPU"),
    ],
)
def test_what_is_refused_leaves_nothing(
    words: tuple[str, ...], message: str, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *tiny(*words), f"--config-dir={USER_TREE}"]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_one_run_is_not_all_of_them(tiny: Tiny) -> None:
    with pytest.raises(UserError, match=r"recipelab\.cross_validate"):
        train(*tiny("data.folds=2", "data.fold=all"), **FOLDER)


def test_a_folder_that_is_not_whole_is_refused(done: CrossValidation, tmp_path: Path) -> None:
    copies = shutil.copytree(done.path, tmp_path / "copies")
    shutil.rmtree(copies / done.runs[1].path.name)
    with pytest.raises(UserError, match="lacks the record of a fold"):
        evaluate(copies, **FOLDER)
    summary = json.loads((copies / "cross_validation.json").read_text())
    for folds in ([{"record": "../../elsewhere"}], [{"record": str(done.runs[0].path)}], "x", [3]):
        (copies / "cross_validation.json").write_text(json.dumps({**summary, "folds": folds}))
        with pytest.raises(UserError, match="lacks the record of a fold"):
            evaluate(copies, **FOLDER)
    (copies / "cross_validation.json").write_text(json.dumps({**summary, "status": "running"}))
    with pytest.raises(UserError, match="not all trained yet"):
        evaluate(copies, **FOLDER)
    for text in ("[" * 100_000, "[]", "{}", os.urandom(9).hex()):
        (copies / "cross_validation.json").write_text(text)
        with pytest.raises(UserError, match=r"cross_validation\.json"):
            evaluate(copies, **FOLDER)


def test_the_processes_of_torchrun_are_those_of_one_run(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    for name, value in {**place, "TORCHELASTIC_RUN_ID": "x", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="torchrun starts the processes of one run"):
        cross_validate(*tiny("data.folds=2"), **FOLDER)
    assert list(tmp_path.iterdir()) == []
