"""Evaluations with a temperature, fitted on validation and never on test; and with less memory than they would like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from recipelab import cross_validate, evaluate, train
from recipelab.cli import main
from recipelab.commands import answers, tempered
from recipelab.commands.ask import Ask
from recipelab.commands.samples import samples_for
from recipelab.commands.trained import open_all
from recipelab.core.errors import RunError, UserError
from recipelab.loop import evaluate as loop
from recipelab.loop.device import Device
from recipelab.records.record import Record
from tiny_recipe import TINY, USER_TREE

FOLDER = {"config_dir": str(USER_TREE), "quiet": True}
MORE = ("data.limit=600", "trainer.epochs=4")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trained")
    variants: dict[str, tuple[str, ...]] = {
        "seed 0": ("averaging=ema", "averaging.decays=[0.5]"),
        "seed 1": ("averaging=ema", "averaging.decays=[0.5]", "seed=1"),
        "on test": ("data.protocol=test_as_val",),
    }
    return {name: train(*TINY, *MORE, *words, f"output={root}", **FOLDER).path for name, words in variants.items()}


@pytest.fixture
def path(trained: dict[str, Path], tmp_path: Path) -> Path:
    """A record of one's own."""
    return Path(shutil.copytree(trained["seed 0"], tmp_path / "seed_0"))


def nll_at(path: Path, split: str, temperature: float, view: str = "raw") -> float:
    """The slow way: every logit of a split from the model itself, in float64."""
    ask = Ask((), None, str(USER_TREE))
    (member,) = open_all([str(path)], ask, None, lambda text: None)
    pool = samples_for(member, ask, split, lambda text: None).pool
    logits = answers.outputs_of(member, view, pool)[0].double() / temperature
    return float(torch.nn.functional.cross_entropy(logits, pool.targets))


def test_a_number_divides_the_logits(path: Path) -> None:
    plain = evaluate(path, split="test", **FOLDER).metrics
    found = evaluate(path, split="test", temperature=2.0, **FOLDER)
    told = found.rows[0]["calibration"]
    assert told["temperature"] == 2.0
    assert told["nll"][0] == pytest.approx(plain["nll"], rel=1e-5)
    assert found.metrics["nll"] == pytest.approx(told["nll"][1], rel=1e-5)
    assert found.metrics["nll"] == pytest.approx(nll_at(path, "test", 2.0), rel=1e-5)
    assert found.metrics["nll"] != pytest.approx(plain["nll"], rel=1e-3)
    assert found.metrics["accuracy"] == plain["accuracy"]


def test_auto_is_the_best_on_validation_and_never_sees_the_test_part(path: Path, monkeypatch: pytest.MonkeyPatch):
    """What it is fitted on does not change when the labels of the test part do."""
    asked = []

    def noted(member: Any, ask: Any, split: str, say: Any) -> Any:
        asked.append(split)
        return samples_for(member, ask, split, say)

    monkeypatch.setattr(tempered, "samples_for", noted)
    found = evaluate(path, split="test", temperature="auto", **FOLDER)
    assert asked == ["val"]
    degrees = found.rows[0]["calibration"]["temperature"]
    best = minimize_scalar(lambda log: nll_at(path, "val", float(np.exp(log))), bounds=(-3, 3), method="bounded")
    assert degrees == pytest.approx(np.exp(best.x), rel=1e-2)
    assert found.metrics["nll"] == pytest.approx(nll_at(path, "test", degrees), rel=1e-4)
    assert Record.open(path).result()["lockbox"]["opened"] == 2, "by the run, and by this evaluation, once"


def test_each_view_has_its_own_and_the_file_says_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(path, split="val", view="all", temperature="auto", config_dir=str(USER_TREE))
    content = json.loads(found.files[0].read_text())
    assert content["temperature"] == "auto"
    assert [row["view"] for row in content["rows"]] == ["raw", "ema_0.5"]
    degrees = [row["calibration"]["temperature"] for row in content["rows"]]
    assert degrees[0] != degrees[1]
    for row in found.rows:
        before, after = row["calibration"]["nll"]
        assert after < before, "on the samples that it was fitted on"
    said = capsys.readouterr().out
    assert "raw, fitted on 60 validation samples: temperature" in said
    assert said.count("ECE") == 4


def test_of_other_data_it_is_fitted_on_the_runs_own(path: Path) -> None:
    own = evaluate(path, split="val", temperature="auto", **FOLDER).rows[0]["calibration"]
    other = evaluate(path, "data.limit=300", split="all", temperature="auto", **FOLDER)
    assert not other.data["own"]
    assert other.rows[0]["calibration"]["temperature"] == own["temperature"]
    assert other.rows[0]["calibration"]["nll"] != own["nll"]


def test_an_ensemble_has_one_of_its_own(trained: dict[str, Path], tmp_path: Path) -> None:
    runs = [trained["seed 0"], trained["seed 1"]]
    found = evaluate(*runs, temperature="auto", ensemble="probabilities", output=tmp_path / "e.json", **FOLDER)
    degrees = [row["calibration"]["temperature"] for row in found.rows]
    assert len(set(degrees)) == 3
    assert found.rows[2]["calibration"]["nll"][1] < found.rows[2]["calibration"]["nll"][0]


def test_folds_have_their_own_and_their_ensemble_none(tmp_path: Path) -> None:
    words = [*TINY, *MORE, "data.folds=2", "data.fold=all", f"output={tmp_path}"]
    folder = cross_validate(*words, **FOLDER).path
    found = evaluate(folder, split="test", temperature="auto", **FOLDER)
    assert len({row["calibration"]["temperature"] for row in found.rows}) == 2
    opened = [record["lockbox"]["opened"] for record in _results(folder)]
    with pytest.raises(UserError, match="validate on different samples"):
        evaluate(folder, split="test", temperature="auto", ensemble="logits", **FOLDER)
    assert [record["lockbox"]["opened"] for record in _results(folder)] == opened


def _results(folder: Path) -> list[dict[str, Any]]:
    return [Record.open(path.parent).result() for path in sorted(folder.glob("*/result.json"))]


def test_a_run_that_validates_on_test_has_none(trained: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"never fitted there\n  give a number"):
        evaluate(trained["on test"], temperature="auto", **FOLDER)


@pytest.mark.parametrize("told", ["0", "-1", "nan", "inf", "warm"])
def test_what_is_no_temperature(told: str, trained: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained["seed 0"]), f"--temperature={told}"]) == 2
    assert f"--temperature {told}" in capsys.readouterr().err


def test_without_a_best_one_nothing_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempered, "fitted", lambda logits, labels: (None, "all samples are right"))
    with pytest.raises(UserError, match=r"all samples are right\n  give a number: --temperature 1.5"):
        evaluate(path, split="test", temperature="auto", **FOLDER)
    assert Record.open(path).result()["lockbox"]["opened"] == 1
    assert not (path / "evaluations").exists()


# less memory


class Little:
    """A device on which `most` samples at once are too many. Counts forwards."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, list[int]()

    def outputs(self, model: nn.Module, batches: Iterable[Tensor], device: Device) -> Tensor:
        def fits(images: Tensor) -> Tensor:
            self.sizes.append(len(images))
            if len(images) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return images

        return loop.outputs(model, map(fits, batches), device)


def numbers(metrics: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if isinstance(value, float)}


def test_the_size_of_a_batch_is_an_option(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    little = Little(1000)
    monkeypatch.setattr(answers, "outputs", little.outputs)
    told = numbers(evaluate(path, split="test", **FOLDER).metrics)
    found = evaluate(path, split="test", batch_size=77, **FOLDER)
    assert little.sizes == [359, 77, 77, 77, 77, 51]
    assert numbers(found.metrics) == pytest.approx(told, rel=1e-5)


def test_where_memory_runs_out_batches_are_halved_and_it_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = numbers(evaluate(path, split="test", **FOLDER).metrics)
    little = Little(100)
    monkeypatch.setattr(answers, "outputs", little.outputs)
    found = evaluate(path, split="test", config_dir=str(USER_TREE))
    assert little.sizes == [359, 180, 90, 90, 90, 89]
    assert "out of memory: seed_0 is asked 90 samples at a time (--batch-size 90)" in capsys.readouterr().out
    assert numbers(found.metrics) == pytest.approx(told, rel=1e-5)
    assert found.data["samples"] == 359


def test_one_sample_that_is_too_much_ends_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "outputs", Little(0).outputs)
    with pytest.raises(RunError, match="seed_0: out of memory with one sample in a forward: CUDA out of memory"):
        evaluate(path, **FOLDER)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch-size=0"], "--batch-size 0: samples of one forward, at least 1"),
        (["--batch-size=8", "trainer.eval_batch_size=9"], "say the same key"),
    ],
)
def test_what_is_no_size(words: list[str], said: str, trained: dict[str, Path], capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", str(trained["seed 0"]), *words]) == 2
    assert said in capsys.readouterr().err
