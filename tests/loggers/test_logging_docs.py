"""What docs/logging.md says of commands, and of a logger of one's own, is so."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recipelab.commands.train import train
from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.loggers.tags import tag
from tiny_recipe import TINY

TEXT = (Path(__file__).parents[2] / "docs" / "logging.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^recipelab train(.*)$", TEXT, re.MULTILINE)


class MLflow(ModuleType):
    """Takes what the example gives, and keeps it."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **options: self.calls.append((name, *arguments, options))


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MLflow:
    monkeypatch.chdir(tmp_path)
    found = re.search(r"```python file=(\S+)\n(.*?)```", TEXT, re.DOTALL)
    assert found
    (tmp_path / found[1]).parent.mkdir()
    (tmp_path / found[1]).write_text(found[2])
    made = MLflow()
    monkeypatch.setitem(sys.modules, "mlflow", made)
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_a_recipe(command: str, mlflow: MLflow):
    words = shlex.split(command, comments=True)
    folder = words.pop(1) if "--config-dir" in words else None
    recipe = check(compose([word for word in words if word != "--config-dir"], config_dir=folder))
    if "logger" in recipe.slots:
        recipe.slots["logger"].build()


def test_the_example_mirrors_a_run(mlflow: MLflow):
    assert len(COMMANDS) >= 6
    words = [word for word in TINY if word.partition("=")[0] not in ("logger", "model")]
    run = train(
        *words,
        "model=mlp",
        "logger._target_=mlflow_logger.MLflow",
        "logger.experiment=digits",
        config_dir="my",
        quiet=True,
    )
    names = [call[0] for call in mlflow.calls]
    assert names == ["set_experiment", "start_run", "log_dict", *["log_metrics"] * len(run.metrics), "end_run"]
    assert mlflow.calls[0][1] == "digits"
    rows = [call[1] for call in mlflow.calls if call[0] == "log_metrics"]
    assert rows == [{name: value for name, value in row.items() if value is not None} for row in run.metrics]
    assert mlflow.calls[-1][1] == "FINISHED"


def test_the_names_are_those_of_the_table():
    table = re.findall(r"^\| (`\S.*?) \| (`.*) \|$", TEXT, re.MULTILINE)
    told = [
        (column, curve)
        for left, right in table
        for column, curve in zip(re.findall("`([^`]+)`", left), re.findall("`([^`]+)`", right), strict=False)
    ]
    assert ("lr", "Model/lr") in told
    assert len(told) >= 12
    for column, curve in told:
        if "/" in curve and "CHECKPOINT" not in curve:
            assert tag(column) == curve
