"""Image files in, CSV out: the numbers, the files that cannot be read, and names that are not to be trusted."""

from __future__ import annotations

import csv
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab import evaluate, load_run, predict, train
from recipelab.cli import main
from tiny_recipe import TINY, USER_TREE

Capture = pytest.CaptureFixture[str]
EVAL = ("augment.eval.resize=10", "augment.eval.crop=8")
CLASSES = ("=cmd", "cat", "dog")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs of 12x10 pixels, three classes told by their colour."""
    root = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir()
        for number in range(12):
            pixels = noise.integers(0, 90, (12, 10, 3), dtype=np.uint8)
            pixels[..., label] += 120
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def runs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds of a network for 8x8 pixels: every photograph is resized."""
    root = tmp_path_factory.mktemp("runs")
    words = (*TINY, "data=imagefolder", f"data.root={photos}", "data.image_size=8", "data.cache=none", "model=tiny")
    return [
        train(*words, f"seed={seed}", f"output={root}", "trainer.epochs=5", config_dir=str(USER_TREE), quiet=True).path
        for seed in (0, 1)
    ]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def command(*words: object) -> int:
    return main(["predict", *map(str, words), f"--config-dir={USER_TREE}"])


def test_it_agrees_with_evaluate_on_the_same_files(runs: list[Path], photos: Path, tmp_path: Path) -> None:
    """The same decoding, resizing and normalisation, whichever command reads the files."""
    found = predict(runs[0], photos, config_dir=str(USER_TREE))
    truth = [Path(path).parent.name for path in found.paths]
    told = evaluate(
        runs[0],
        f"data.root={photos}",
        "data.cache=none",
        split="all",
        output=tmp_path / "x.json",
        config_dir=str(USER_TREE),
        quiet=True,
    ).metrics
    right = [a == b for a, b in zip(found.classes, truth, strict=True)]
    assert np.mean(right) == pytest.approx(told["accuracy"])
    labels = torch.tensor([CLASSES.index(name) for name in truth])
    nll = -found.probabilities[torch.arange(len(labels)), labels].log().mean().item()
    assert nll == pytest.approx(told["nll"], rel=1e-4)
    assert np.mean(right) > 0.6, "there is something to be right about"


def test_a_folder_is_walked_a_file_is_taken_and_the_order_stays(runs: list[Path], photos: Path) -> None:
    named = [photos / "dog" / "3.png", photos / "cat", photos / "dog" / "1.png"]
    found = predict(runs[0], *named, config_dir=str(USER_TREE))
    assert found.paths[0] == str(named[0])
    assert found.paths[-1] == str(named[2])
    assert found.paths[1:-1] == sorted(str(path) for path in (photos / "cat").iterdir())
    assert found.probabilities.shape == (14, 3)
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(14))


def test_portions_change_nothing(runs: list[Path], photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(runs[0], photos, config_dir=str(USER_TREE))
    monkeypatch.setattr("recipelab.commands.predict.CHUNK_BYTES", 5 * 8 * 8 * 3)
    parts = predict(runs[0], photos, "trainer.eval_batch_size=2", config_dir=str(USER_TREE))
    assert parts.paths == whole.paths
    torch.testing.assert_close(parts.probabilities, whole.probabilities)


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_an_ensemble(kind: Any, runs: list[Path], photos: Path) -> None:
    found = predict(*runs, photos, ensemble=kind, config_dir=str(USER_TREE))
    each = [predict(run, photos, config_dir=str(USER_TREE)).probabilities.double() for run in runs]
    mean = sum(p.log() for p in each) / 2 if kind == "logits" else (sum(each) / 2).log()
    torch.testing.assert_close(found.probabilities.double(), mean.softmax(1), rtol=1e-4, atol=1e-6)


def test_the_csv(runs: list[Path], photos: Path, capsys: Capture, tmp_path: Path) -> None:
    assert command(runs[0], photos) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = table(out)
    found = predict(runs[0], photos, config_dir=str(USER_TREE))
    assert [row["path"] for row in rows] == found.paths
    assert list(rows[0]) == ["path", "class", "p_=cmd", "p_cat", "p_dog"]
    assert [row["class"].lstrip("'") for row in rows] == found.classes
    shown = [[float(row[f"p_{name}"]) for name in CLASSES] for row in rows]
    np.testing.assert_allclose(shown, found.probabilities.numpy(), rtol=1e-5)
    assert command(runs[0], photos, "--output", tmp_path / "there.csv") == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "there.csv").read_text() == out
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_the_most_probable_classes(runs: list[Path], photos: Path, capsys: Capture) -> None:
    assert command(runs[0], photos / "cat", "--top", 2) == 0
    rows = table(capsys.readouterr().out)
    found = predict(runs[0], photos / "cat", config_dir=str(USER_TREE))
    assert list(rows[0]) == ["path", "class_1", "p_1", "class_2", "p_2"]
    for row, probabilities in zip(rows, found.probabilities, strict=True):
        values, labels = probabilities.topk(2)
        assert [row[f"class_{n}"].lstrip("'") for n in (1, 2)] == [CLASSES[label] for label in labels]
        assert [float(row[f"p_{n}"]) for n in (1, 2)] == pytest.approx(values.tolist(), rel=1e-5)


def test_names_that_start_a_formula(runs: list[Path], photos: Path, tmp_path: Path, capsys: Capture, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    names = ("=1+2.png", "@x.png", "a,b\n=c.png", "plain.png")
    for number, name in enumerate(names):
        shutil.copy(photos / "=cmd" / f"{number}.png", name)
    assert command(runs[0], *names) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [row[0] for row in rows[1:]] == ["'=1+2.png", "'@x.png", "a,b\n=c.png", "plain.png"]
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert "'=cmd" in {row[1] for row in rows}


def test_a_name_that_is_no_utf8(runs: list[Path], photos: Path, tmp_path: Path, capsys: Capture) -> None:
    shutil.copy(photos / "cat" / "0.png", os.fsencode(tmp_path) + b"/caf\xe9.png")
    assert command(runs[0], tmp_path) == 0
    assert r"caf\xe9.png" in capsys.readouterr().out


def test_files_that_cannot_be_read_are_named_and_the_others_are_done(
    runs: list[Path], photos: Path, tmp_path: Path, capsys: Capture
) -> None:
    shutil.copytree(photos / "cat", tmp_path / "in")
    (tmp_path / "in" / "3.png").write_bytes(b"")
    (tmp_path / "in" / "5.png").write_bytes((photos / "cat" / "5.png").read_bytes()[:60])
    (tmp_path / "in" / "notes.txt").write_text("not an image, and not named like one")
    assert command(runs[0], tmp_path / "in") == 1
    out, err = capsys.readouterr()
    assert [Path(row["path"]).name for row in table(out)] == sorted(f"{n}.png" for n in range(12) if n not in (3, 5))
    assert "3.png cannot be read: it is empty" in err
    assert "5.png cannot be read: " in err
    assert "error: 2 of 12 files could not be read" in err
    found = predict(runs[0], tmp_path / "in", config_dir=str(USER_TREE))
    assert {Path(path).name for path in found.failures} == {"3.png", "5.png"}
    assert len(found.paths) == len(found.probabilities) == 10


def test_nothing_but_files_that_cannot_be_read(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    found = predict(runs[0], tmp_path / "a.png", config_dir=str(USER_TREE))
    assert (found.paths, found.classes, list(found.failures)) == ([], [], [str(tmp_path / "a.png")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("RUN", "predict needs image files"),
        ("RUN nowhere.png", "nowhere.png does not exist"),
        ("RUN empty", "empty has no images"),
        ("nowhere a.png", "nowhere does not exist"),
        ("a.png", "a.png is a file; a run record is a folder"),
        ("RUN a.png --top 0", "--top 0: "),
        ("RUN a.png --top 4", "tells 3 classes; choose 1 to 3"),
        ("RUN OTHER a.png", "2 runs are named: give --ensemble"),
        ("RUN a.png --ensemble", "at least two runs"),
        ("RUN a.png --view all", "a prediction is one view's"),
        ("RUN a.png --view ema", "has no view 'ema'"),
        ("RUN a.png --checkpoint besst", "did you mean: best"),
        ("RUN a.png model=resnet20", "a trained run is asked as it is"),
        ("RUN a.png --output nowhere/x.csv", "there is no folder nowhere"),
    ],
)
def test_wrong_requests(
    words: str, message: str, runs: list[Path], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (8, 8)).save("a.png")
    places = {"RUN": str(runs[0]), "OTHER": str(runs[1])}
    assert command(*(places.get(word, word) for word in words.split())) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "empty"]


def test_a_run_record_is_not_written_to(runs: list[Path], photos: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs[0].rglob("*")}
    predict(runs[0], photos, config_dir=str(USER_TREE))
    assert {path: path.stat().st_mtime_ns for path in runs[0].rglob("*")} == before


def test_what_it_says_can_be_had_from_the_model_itself(runs: list[Path], photos: Path) -> None:
    run = load_run(runs[0], config_dir=USER_TREE)
    file = photos / "dog" / "4.png"
    small = Image.open(file).resize((8, 8), Image.Resampling.BILINEAR, box=(0, 1, 10, 11))  # short side, centre
    pixels = torch.from_numpy(np.asarray(small, dtype=np.float32) / 255).permute(2, 0, 1)[None]
    assert run.facts.mean is not None
    assert run.facts.std is not None
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (run.facts.mean, run.facts.std))
    with torch.no_grad():
        expected = run.model("best")((pixels - mean) / std).softmax(1)
    found = predict(run.path, file, config_dir=str(USER_TREE))
    torch.testing.assert_close(found.probabilities, expected, rtol=1e-4, atol=1e-5)


def test_a_regression_gives_values(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "grey").mkdir()
    for number in range(60):
        pixels = np.full((8, 8, 3), 4 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "grey" / f"{number}_{number / 10}.png")
    data = ("data=filenames", f"data.root={tmp_path / 'grey'}", "data.pattern='_([0-9.]+)[.]png$'", "data.cache=none")
    words = [word for word in TINY if not word.startswith("data")]
    outputs = f"output={tmp_path / 'outputs'}"
    runs = [train(*words, *data, f"seed={s}", outputs, config_dir=str(USER_TREE), quiet=True) for s in (0, 1)]
    options: dict[str, Any] = {"config_dir": str(USER_TREE)}
    found = predict(runs[0].path, tmp_path / "grey", **options)
    truth = torch.tensor([float(Path(path).stem.split("_")[1]) for path in found.paths])
    told = evaluate(
        runs[0].path,
        data[1],
        data[3],
        split="all",
        output=tmp_path / "x.json",
        quiet=True,
        **options,
    )
    assert told.metrics["mae"] == pytest.approx((found.probabilities[:, 0] - truth).abs().mean().item(), rel=1e-4)
    both = predict(*(run.path for run in runs), tmp_path / "grey", ensemble="logits", **options)
    other = predict(runs[1].path, tmp_path / "grey", **options)
    torch.testing.assert_close(both.probabilities, (found.probabilities + other.probabilities) / 2)
    assert command(runs[0].path, tmp_path / "grey") == 0
    rows = table(capsys.readouterr().out)
    assert len(rows[0]) == 2
    assert [float(list(row.values())[1]) for row in rows] == pytest.approx(found.probabilities[:, 0].tolist(), rel=1e-4)
    assert command(runs[0].path, tmp_path / "grey", "--top", 1) == 2
    assert command(runs[0].path, runs[1].path, tmp_path / "grey", "--ensemble", "probabilities") == 2
    assert capsys.readouterr().err.count("error: --") == 2
    with pytest.raises(ValueError, match="no classes"):
        _ = found.classes


@pytest.mark.parametrize(
    "sizes",
    [
        ("data.image_size=12", "data.input_size=8"),
        ("data.image_size=12", "augment=finetune", "augment.resize=10", "augment.crop=8", *EVAL),
    ],
    ids=["resized on the way", "resized by augmentation"],
)
def test_images_are_brought_to_the_networks_size_as_in_training(
    sizes: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    words = [word for word in TINY if not word.startswith("data")]
    data = ("data=imagefolder", f"data.root={photos}", "data.cache=none", *sizes)
    run = train(*words, *data, f"output={tmp_path}", config_dir=str(USER_TREE), quiet=True)
    assert run.facts.stored_size == (12, 12)
    options: dict[str, Any] = {"config_dir": str(USER_TREE), "quiet": True}
    assert evaluate(run.path, split="val", **options).metrics == run.result["val"]["best"]["raw"]
    whole = evaluate(run.path, f"data.root={photos}", split="all", output=tmp_path / "x.json", **options).metrics
    found = predict(run.path, photos, config_dir=str(USER_TREE))
    right = [name == Path(path).parent.name for name, path in zip(found.classes, found.paths, strict=True)]
    assert np.mean(right) == pytest.approx(whole["accuracy"])
