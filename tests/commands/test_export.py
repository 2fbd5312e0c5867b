"""A view of a run as a file: it gives what the network gives, says what it is, and is written whole or not at all."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from recipelab import evaluate, export, load_run, train
from recipelab.cli import main
from recipelab.commands import export_formats
from recipelab.commands.export_formats import FORMATS, Format
from recipelab.core.errors import RunError, UserError
from recipelab.data.digits import Digits
from tiny_recipe import TINY, USER_TREE

FOLDER = {"config_dir": str(USER_TREE), "quiet": True}
GRAPHS = ("onnx", "torch-export")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    words = ("averaging=ema", "averaging.decays=[0.5]", "select_view=ema_0.5", "trainer.epochs=2")
    return train(*TINY, *words, f"output={root}", **FOLDER).path


def digits(count: int = 5) -> torch.Tensor:
    """Stored images (B, 8, 8, 1) uint8."""
    return Digits().load(lambda line: None)[0].images[:count]


def normalised(images: torch.Tensor, run: Path) -> torch.Tensor:
    facts = load_run(run).facts
    return ((images.movedim(-1, 1).double() / 255 - facts.mean[0]) / facts.std[0]).float()


def ran(file: Path, format: str, images: torch.Tensor) -> torch.Tensor:
    """Outputs of a graph by the library's own means, on so many images as are given."""
    if format == "torch-export":
        return torch.export.load(file).module()(images)
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return torch.from_numpy(session.run(None, {given.name: images.numpy()})[0])


def test_a_safetensors_file_is_the_view_and_starts_where_the_run_ended(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    found = export(run, format="safetensors", output=file, **FOLDER)
    assert (found.view, found.checkpoint, found.difference) == ("ema_0.5", "best", 0.0)
    told = load_run(run).weights("best")[0]["ema_0.5"]
    kept = load_file(file)
    assert kept.keys() == told.keys()
    assert all(torch.equal(kept[key], told[key]) for key in told)
    said = evaluate(run, split="val", **FOLDER).metrics
    words = (f"model.weights={file}", f"output={tmp_path}")
    assert evaluate(*words, config=str(run), split="val", **FOLDER).metrics == said


@pytest.mark.parametrize("format", GRAPHS)
def test_a_graph_takes_any_number_of_stored_images_and_gives_calibrated_logits(
    format: str, run: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"graph{FORMATS[format].suffix}"
    options = {"dynamic_batch": True, "with_preprocessing": True, "temperature": 2.0}
    export(run, format=format, view="raw", checkpoint="last", output=file, **options, **FOLDER)
    model = load_run(run, config_dir=USER_TREE).model("last", "raw")
    with torch.no_grad():
        wanted = model(normalised(digits(), run)) / 2.0
    for count in (1, 2, 5):
        assert torch.allclose(ran(file, format, digits(count)), wanted[:count], atol=1e-5)


@pytest.mark.parametrize("format", GRAPHS)
def test_without_options_it_takes_one_normalised_image(format: str, run: Path, tmp_path: Path) -> None:
    file = tmp_path / f"graph{FORMATS[format].suffix}"
    export(run, format=format, output=file, **FOLDER)
    images = normalised(digits(1), run)
    with torch.no_grad():
        wanted = load_run(run, config_dir=USER_TREE).model("best", "ema_0.5")(images)
    assert torch.allclose(ran(file, format, images), wanted, atol=1e-5)
    with pytest.raises(Exception, match=r"(?i)dimension|guard failed"):
        ran(file, format, images.repeat(2, 1, 1, 1))


@pytest.mark.parametrize("format", FORMATS)
def test_every_file_says_what_it_is(format: str, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    told = export(run, format=format, output=file, temperature=1.5, **FOLDER).metadata
    kept = FORMATS[format].read(file, load_run(run, config_dir=USER_TREE).model())[1]
    assert told.items() <= kept.items()
    assert json.loads(kept["classes"]) == [str(digit) for digit in range(10)]
    assert json.loads(kept["mean"]) == pytest.approx(load_run(run).facts.mean)
    assert (kept["view"], kept["checkpoint"], kept["temperature"]) == ("ema_0.5", "best", "1.5")
    assert kept["recipe_hash"] == load_run(run).result["recipe_hash"]
    assert kept["input"] == "(B, C, H, W) float32, normalised; 8x8, 1 channel"
    assert kept["preprocessing"] == "(x / 255 - mean) / std a channel"


def test_auto_is_the_temperature_of_the_validation_split(run: Path, tmp_path: Path, capsys: Any) -> None:
    loud = {**FOLDER, "quiet": False}
    found = export(run, format="safetensors", output=tmp_path / "a", temperature="auto", **loud)
    assert found.calibration is not None
    assert found.temperature == found.calibration.temperature
    metrics = evaluate(run, split="val", **FOLDER).metrics
    before, after = found.calibration.nll
    assert before == pytest.approx(metrics["nll"], rel=1e-5)
    assert after < before
    said = capsys.readouterr().out
    assert f"fitted on 20 validation samples: temperature {found.temperature:.4f}: NLL {before:.4f} -> " in said
    with safe_open(tmp_path / "a", "pt") as file:
        assert float(file.metadata()["temperature"]) == found.temperature


def test_what_gives_other_outputs_is_not_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = FORMATS["safetensors"]

    read: list[Path] = []

    def other(path: Path, network: torch.nn.Module) -> Any:
        read.append(path)
        found = good.read(path, network)
        return (lambda images: found[0](images) + 1e-4), found[1]

    monkeypatch.setitem(FORMATS, "safetensors", Format(good.suffix, good.tolerance, good.write, other))
    with pytest.raises(RunError, match=r"differ by \S+ of the largest, more than 0"):
        export(run, format="safetensors", output=tmp_path / "a", **FOLDER)
    assert list(tmp_path.iterdir()) == []
    assert not read[0].parent.exists(), "nor is a draft left"


def test_weights_that_are_not_finite_are_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recipelab.commands.export.rebuilt", _broken)
    with pytest.raises(RunError, match="differ by nan"):
        export(run, format="safetensors", output=tmp_path / "a", **FOLDER)
    assert list(tmp_path.iterdir()) == []


def _broken(recipe: Any, weights: Any, where: str) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).requires_grad_(False).apply(_nan)


def _nan(module: torch.nn.Module) -> None:
    for parameter in module.parameters(recurse=False):
        parameter.fill_(np.nan)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onxn"}, r"(?s)--format onxn.*did you mean: onnx"),
        ({"format": "safetensors", "dynamic_batch": True}, "no graph"),
        ({"format": "safetensors", "with_preprocessing": True}, "no graph"),
        ({"format": "torch-export", "temperature": 0.0}, "greater than 0"),
        ({"format": "torch-export", "temperature": float("nan")}, "greater than 0"),
        ({"format": "torch-export", "view": "ema_0.6"}, r"(?s)no view 'ema_0.6'.*did you mean: ema_0.5"),
        ({"format": "torch-export", "view": "all"}, "one view"),
        ({"format": "torch-export", "checkpoint": "beast"}, "beast"),
        ({"format": "torch-export", "output": "nowhere/a"}, "no folder"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str, run: Path, tmp_path: Path) -> None:
    options = {"output": tmp_path / "a", **options}
    with pytest.raises(UserError, match=message):
        export(run, **options, **FOLDER)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_when_told(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        export(run, format="safetensors", output=file, **FOLDER)
    assert file.read_text() == "mine"
    export(run, format="safetensors", output=file, force=True, **FOLDER)
    assert load_file(file)


def test_the_default_name_is_the_runs_and_the_record_is_left_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run), "--format", "safetensors", "--config-dir", str(USER_TREE)]) == 0
    assert [file.name for file in tmp_path.iterdir()] == [f"{run.name}_best_ema_0.5.safetensors"]
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before


def test_without_onnx_it_says_what_to_install(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("onnx"):
            raise ImportError("no", name=name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"(?s)pip install 'recipelab\[onnx\]'"):
        export(run, format="onnx", **FOLDER)


def test_a_network_that_cannot_be_traced_is_told_so(tmp_path: Path) -> None:
    class Choosing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(UserError, match=r"(?s)cannot be traced.*--format safetensors"):
        export_formats.write_torch_export(Choosing().eval(), torch.zeros(1, 3), tmp_path / "a.pt2", {}, False)


def test_a_regression_has_no_temperature_and_keeps_its_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8, 1)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, targets=rng.normal(size=(60, 2)).astype(np.float32))
    words = [word for word in TINY if not word.startswith(("data", "select"))]
    data = ("data=arrays", f"data.root={tmp_path / 'a.npz'}", "data.task=regression", "trainer.epochs=1")
    path = train(*words, *data, f"output={tmp_path}", **FOLDER).path
    with pytest.raises(UserError, match="a regression has no probabilities"):
        export(path, format="torch-export", output=tmp_path / "a", temperature="auto", **FOLDER)
    found = export(path, format="torch-export", output=tmp_path / "a", **FOLDER)
    assert found.metadata["outputs"] == "(B, 2) float32 values"
    assert "temperature" not in found.metadata
