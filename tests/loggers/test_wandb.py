"""What is in W&B's own files is what the record has. Nothing here reaches a network."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import signal
import socket
from pathlib import Path

import pytest

from recipelab import load_run
from recipelab.commands.train import train
from recipelab.core.errors import Interrupted, UserError
from recipelab.loggers.tags import PROGRESS, final, tag
from recipelab.loggers.wandb import WandB
from recipelab.testing import check_logger
from tiny_recipe import USER_TREE
from wandb_files import OfflineRun

KEY = "0123456789abcdef" * 3


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, no settings and no caches of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))


def sent(row: dict[str, float | None]) -> dict[str, float | None]:
    """A row of metrics.csv by the names that W&B has for it."""
    return {name if name in PROGRESS else tag(name): value for name, value in row.items() if value is not None}


def words(tiny, *more: str) -> list[str]:
    return [word for word in tiny(*more) if word != "logger=none"]


def test_it_is_a_logger(tmp_path: Path):
    check_logger(WandB(), tmp_path)


def test_the_whole_record_is_there(tiny, capfd: pytest.CaptureFixture[str]):
    run = train(
        *words(tiny, "logger=wandb", "logger.tags=[first]", "result_plot=val", "averaging=ema"),
        config_dir=str(USER_TREE),
    )
    found = OfflineRun(run.path)
    assert found.metrics == [sent(row) for row in run.metrics]
    assert len(found.metrics) == 3
    assert found.axes["*"] == "step"
    assert (found.run.project, found.run.display_name, list(found.run.tags)) == ("digits", run.path.name, ["first"])
    assert found.config["optimizer"] == run.config["optimizer"]
    assert found.config["environment"] == run.record.environment()
    assert found.exit_code == 0
    for name, value in final(run.result).items():
        assert found.summary[name] == value
    table = json.loads(next(found.folder.rglob("*.table.json")).read_text())
    assert table["columns"][:2] == ["checkpoint", "view"]
    assert [cells[:2] for cells in table["data"]] == [
        [checkpoint, view] for checkpoint in ("last", "best") for view in run.result["val"]["last"]
    ]
    column = table["columns"].index("test_accuracy")
    assert table["data"][0][column] == run.result["test"]["last"]["raw"]["accuracy"]
    assert len(list(found.folder.rglob("*confusion*.png"))) == 2
    told = (run.path / "train.log").read_text().splitlines()
    assert told[: len(found.lines)] == found.lines
    assert found.lines[-1].endswith(f"record: {run.path}")
    printed = capfd.readouterr()
    assert "W&B: offline: no key of an account was found; to upload it: wandb sync" in printed.out
    assert printed.err == ""
    assert found.stats


def test_nothing_private_is_in_its_files(tiny, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = train(*words(tiny, "logger=wandb", "trainer.epochs=1"), config_dir=str(USER_TREE), quiet=True)
    assert OfflineRun(run.path).run.host == "-"
    for path in run.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content, path
            if path.suffix == ".wandb":
                assert socket.gethostname().encode() + b"\n" not in content
                assert __file__.encode() not in content


def test_a_resumed_run_is_one_run_without_gap_or_double(tiny):
    class Stops:
        def after_epoch(self, row: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(*words(tiny, "logger=wandb"), hooks=[Stops()], config_dir=str(USER_TREE), quiet=True)
    (path,) = Path("outputs").iterdir()
    before = OfflineRun(path)
    assert (before.exit_code, len(before.metrics)) == (1, len(load_run(path).metrics))
    run = train(f"trainer.resume={path}", config_dir=str(USER_TREE), quiet=True)
    found = OfflineRun(path)  # one folder: the earlier is contained in it
    assert found.metrics == [sent(row) for row in run.metrics]
    assert [row["step"] for row in found.metrics] == [6, 12, 18]
    assert found.run.run_id == before.run.run_id
    assert [line for line in found.lines if "go on with" in line]
    assert found.exit_code == 0


def test_not_a_number_arrives(tmp_path: Path):
    logger = WandB()
    logger.open(tmp_path, {})
    logger.log({"epoch": 1, "step": 3, "train_loss": math.nan, "val_raw_accuracy": None}, 3)
    logger.close({"status": "failed"})
    (row,) = OfflineRun(tmp_path).metrics
    assert math.isnan(row.pop("Loss/train"))
    assert row == {"epoch": 1, "step": 3}


def test_a_run_of_a_study_is_in_its_group(tmp_path: Path):
    record = tmp_path / "my_study" / "runs" / "0123" / "record"
    record.mkdir(parents=True)
    trainings = {"trainings": {"0123": {"arms": ["control", "ema"], "seed": 1}}}
    (tmp_path / "my_study" / "study.json").write_text(json.dumps(trainings))
    logger = WandB()
    logger.open(record, {"data": {"_target_": "recipelab.data.cifar.CIFAR10"}})
    logger.close({})
    found = OfflineRun(record)
    assert (found.run.run_group, found.run.job_type, found.run.project) == ("my_study", "control, ema", "cifar10")
    assert found.config["study"] == {"name": "my_study", "arms": "control, ema"}


def test_online_needs_a_key():
    with pytest.raises(UserError, match="mode=online needs the key"):
        WandB(mode="online")


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_a_key_that_is_none(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_API_KEY", "short-and-wrong")
    logger = WandB(mode=mode)
    if mode == "online":
        with pytest.raises(RuntimeError) as refused:
            logger.open(tmp_path, {})
        assert "short-and-wrong" not in str(refused.value)
        return
    said = logger.open(tmp_path, {})
    assert said.startswith("W&B: offline: ")
    assert "short-and-wrong" not in said
    logger.close({})


def test_without_the_package(tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UserError, match=r"needs the package wandb.*\n.*recipelab\[wandb\]"):
        train(*words(tiny, "logger=wandb"), config_dir=str(USER_TREE), quiet=True)
    assert not (tmp_path / "outputs").exists(), "refused before anything is written"
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.17.9")
    with pytest.raises(UserError, match="needs wandb 0.31 or later, and 0.17.9 is installed"):
        WandB()
