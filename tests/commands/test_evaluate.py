"""A trained run asked again: the same numbers, its own data or others, alone or with others, and counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from recipelab import evaluate, load_run, predict, train
from recipelab.cli import main
from recipelab.core.errors import UserError
from recipelab.loop.load_run import Run
from recipelab.records.record import Record
from tiny_recipe import TINY, USER_TREE

FOLDER = {"config_dir": str(USER_TREE), "quiet": True}
AVERAGED = ("averaging=ema", "averaging.decays=[0.5,0.9]", "select_view=ema_0.5")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seeds of one recipe, two of its folds, one of fewer data, and one of images in folders."""
    root = tmp_path_factory.mktemp("trained")
    digits(root / "photos")
    variants: dict[str, tuple[str, ...]] = {
        "seed 0": AVERAGED,
        "seed 1": (*AVERAGED, "seed=1"),
        "fold 0": ("data.folds=3", "data.fold=0"),
        "fold 1": ("data.folds=3", "data.fold=1"),
        "fewer": ("data.limit=150",),
        "closed": ("lockbox=closed",),
        "folder": ("data=imagefolder", f"data.root={root / 'photos'}", "data.input_channels=1", "data.cache=none"),
    }
    return {name: train(*TINY, *words, f"output={root}", **FOLDER).path for name, words in variants.items()}


@pytest.fixture
def copy(trained: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A record of one's own: copy(name)."""

    def made(name: str) -> Path:
        return Path(shutil.copytree(trained[name], tmp_path / name.replace(" ", "_")))

    return made


def digits(folder: Path, classes: int = 10, parts: tuple[str, ...] = ("train", "test")) -> Path:
    """Some images of each of the first `classes` digits, as files."""
    from sklearn.datasets import load_digits

    data = load_digits()
    for number, part in enumerate(parts):
        for label in range(classes):
            (folder / part / str(label)).mkdir(parents=True)
            rows = np.flatnonzero(data.target == label)[number * 12 : number * 12 + 12]
            for row in rows:
                pixels = np.rint(data.images[row] * (255 / 16)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / str(label) / f"{row}.png")
    return folder


def read(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 1, 8, 8) float32 pixels and the labels that their folders name."""
    files = sorted(folder.rglob("*.png"))
    pixels = np.stack([np.asarray(Image.open(file), dtype=np.float32) for file in files])
    return torch.from_numpy(pixels)[:, None], torch.tensor([int(file.parent.name) for file in files])


def numbers(found: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in found.items() if isinstance(value, float)}


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_it_says_what_the_run_said_at_its_end(split: Any, checkpoint: str, copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    told = Record.open(path).result()[split][checkpoint]
    found = evaluate(path, split=split, checkpoint=checkpoint, view="all", **FOLDER)
    assert {row["view"]: row["metrics"] for row in found.rows} == told
    assert set(told) == {"raw", "ema_0.5", "ema_0.9"}


def test_without_a_word_it_is_the_headlines_weights_on_the_validation_split(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    found = evaluate(path, **FOLDER)
    assert [(row["checkpoint"], row["view"]) for row in found.rows] == [("best", "ema_0.5")]
    assert (found.data["split"], found.data["samples"], found.data["own"]) == ("val", 20, True)
    assert found.metrics == Record.open(path).result()["val"]["best"]["ema_0.5"]


@pytest.mark.parametrize("size", [1, 7, 199, 200, 5000])
def test_the_size_of_a_batch_changes_nothing_beyond_rounding(size: int, copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    told = numbers(Record.open(path).result()["test"]["best"]["ema_0.5"])
    found = evaluate(path, f"trainer.eval_batch_size={size}", split="test", **FOLDER)
    assert numbers(found.metrics) == pytest.approx(told, rel=1e-5)
    assert found.metrics["accuracy"] == told["accuracy"]


def test_the_result_is_a_file_of_the_record(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    before = {file.name for file in path.iterdir()}
    found = evaluate(path, **FOLDER)
    (file,) = found.files
    assert file.parent == path / "evaluations"
    content = json.loads(file.read_text())
    assert content["rows"] == found.rows
    assert content["data"] == found.data
    assert content["execution"][0]["precision"] == "32"
    assert {file.name for file in path.iterdir()} == before | {"evaluations"}, "no lock and no draft is left"
    again = evaluate(path, **FOLDER)
    assert again.files != found.files, "an earlier evaluation is never replaced"


def test_each_opening_of_the_test_split_is_counted(copy: Callable[[str], Path], capsys: Any, tmp_path: Path) -> None:
    path, closed = copy("seed 0"), copy("closed")
    evaluate(path, split="val", **FOLDER)
    assert Record.open(path).result()["lockbox"] == {"policy": "end", "opened": 1}
    evaluate(path, split="test", **FOLDER)
    evaluate(path, split="test", output=tmp_path / "there.json", **FOLDER)
    assert Record.open(path).result()["lockbox"] == {"policy": "end", "opened": 3}
    evaluate(closed, split="test", **FOLDER)
    assert Record.open(closed).result()["lockbox"] == {"policy": "closed", "opened": 1}
    capsys.readouterr()
    assert main(["runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "seed_0: the test split was opened 3 times" in said
    assert "closed: the test split" not in said


def test_a_run_of_two_processes_is_measured_by_one(tiny: Callable[..., list[str]], tmp_path: Path) -> None:
    run = train(*tiny("trainer.devices=2", "trainer.accelerator=cpu", "trainer.epochs=1"), **FOLDER)
    told = numbers(run.result["test"]["best"]["raw"])
    assert numbers(evaluate(run.path, split="test", **FOLDER).metrics) == pytest.approx(told, rel=1e-5)


def test_weights_of_a_file_are_measured_and_asked_without_a_run(
    trained: dict[str, Path], copy: Callable[[str], Path], tmp_path: Path
) -> None:
    path, file = copy("folder"), tmp_path / "weights.safetensors"
    state = load_run(path, config_dir=str(USER_TREE)).weights("last")[0]["raw"]
    save_file({key: value.contiguous() for key, value in state.items()}, file)
    photos = trained["folder"].parent / "photos"
    data = ("data=imagefolder", f"data.root={photos}", "data.input_channels=1", "data.cache=none")
    words = (*TINY, *data, f"model.weights={file}")
    told = evaluate(path, split="test", checkpoint="last", view="raw", **FOLDER)
    found = evaluate(*words, split="test", **FOLDER)
    assert numbers(found.metrics) == pytest.approx(numbers(told.metrics), rel=1e-5)
    assert (found.data["samples"], found.files) == (told.data["samples"], [])
    told_of, asked = (
        predict(path, photos, checkpoint="last", view="raw", config_dir=str(USER_TREE)),
        predict(*words, photos, config_dir=str(USER_TREE)),
    )
    assert asked.class_names == told_of.class_names
    assert torch.allclose(asked.probabilities, told_of.probabilities, atol=1e-6)
    with pytest.raises(UserError, match="the weights are of another model"):
        evaluate(*words, "model.width=8", **FOLDER)


def test_with_output_the_record_is_left_alone(copy: Callable[[str], Path], tmp_path: Path) -> None:
    path = copy("seed 0")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    found = evaluate(path, output=tmp_path / "there.json", **FOLDER)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert json.loads((tmp_path / "there.json").read_text())["rows"] == found.rows


def test_a_record_that_is_in_use_is_not_written_to(copy: Callable[[str], Path], tmp_path: Path) -> None:
    path = copy("seed 0")
    (path / "lock").write_text("{}")  # of a machine that cannot be asked, and just now
    with pytest.raises(UserError, match=r"(?s)is in use.*--output FILE"):
        evaluate(path, **FOLDER)
    evaluate(path, output=tmp_path / "there.json", **FOLDER)
    with pytest.raises(UserError, match="is in use"):
        evaluate(path, split="test", output=tmp_path / "test.json", **FOLDER)
    assert not (tmp_path / "test.json").exists(), "what cannot be counted is not opened"


def test_the_weights_are_those_of_the_record_and_not_of_the_recipe(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    record = Record.open(path)
    content = record.load_checkpoint("last")
    with record:
        record.lock()
        zero = {key: torch.zeros_like(value) for key, value in content["model"].items()}
        record.save_checkpoint("zero", {**content, "model": zero})
    found = evaluate(path, checkpoint="zero", view="raw", **FOLDER)
    assert found.metrics["nll"] == pytest.approx(np.log(10))


# Other data


def test_data_that_were_moved_are_known_by_their_content(copy: Callable[[str], Path], tmp_path: Path) -> None:
    path = copy("folder")
    moved = digits(tmp_path / "moved")
    found = evaluate(path, f"data.root={moved}", split="test", **FOLDER)
    assert found.data["own"] is True
    assert found.metrics == Record.open(path).result()["test"]["best"]["raw"]
    assert Record.open(path).result()["lockbox"]["opened"] == 2


def test_other_data_are_taken_whole_in_the_size_of_the_model(copy: Callable[[str], Path], tmp_path: Path) -> None:
    path = copy("seed 0")
    other = digits(tmp_path / "other", classes=4)
    Image.new("L", (20, 30)).save(other / "test" / "0" / "large.png")
    words = ("data=imagefolder", f"data.root={other}", "data.cache=none")
    found = evaluate(path, *words, **FOLDER)
    assert (found.data["split"], found.data["samples"], found.data["own"]) == ("all", 97, False)
    assert evaluate(path, *words, split="test", **FOLDER).data["samples"] == 49
    assert Record.open(path).result()["lockbox"]["opened"] == 1, "they are not the run's own test split"


def test_labels_of_other_data_go_by_the_names_of_their_classes(copy: Callable[[str], Path], tmp_path: Path) -> None:
    """Folders 3 and 7 are labels 0 and 1 there, and 3 and 7 of the model."""
    path, other = copy("seed 0"), tmp_path / "other"
    digits(tmp_path / "every", parts=("train",))
    for name in ("3", "7"):
        shutil.copytree(tmp_path / "every" / "train" / name, other / name)
    words = ("data=imagefolder", f"data.root={other}", "data.cache=none")
    found = evaluate(path, *words, view="raw", **FOLDER)
    run = load_run(path, config_dir=USER_TREE)
    model, facts = run.model("best", "raw"), run.facts
    pixels, truth = read(other)
    with torch.no_grad():
        said = model((pixels / 255 - facts.mean[0]) / facts.std[0]).argmax(1)
    assert found.metrics["accuracy"] == pytest.approx((said == truth).float().mean().item())
    assert found.metrics["f1_per_class"][3] + found.metrics["f1_per_class"][7] > 0


def test_classes_that_the_model_does_not_know_are_refused(copy: Callable[[str], Path], tmp_path: Path) -> None:
    other = digits(tmp_path / "other", classes=3)
    for part in ("train", "test"):
        (other / part / "1").rename(other / part / "11")
    with pytest.raises(
        UserError, match=r"(?s)1 of 3 classes that seed_0 does not know: '11'.*did you mean: 1.*0, 1, 2"
    ):
        evaluate(copy("seed 0"), "data=imagefolder", f"data.root={other}", "data.cache=none", **FOLDER)


def test_data_that_changed_are_no_longer_the_runs_own(trained: dict[str, Path], tmp_path: Path) -> None:
    root = digits(tmp_path / "photos")
    words = ("data=imagefolder", f"data.root={root}", "data.input_channels=1", "data.cache=none")
    path = train(*TINY, *words, f"output={tmp_path / 'outputs'}", **FOLDER).path
    file = next((root / "train" / "4").iterdir())
    Image.new("L", (8, 8), 9).save(file)
    with pytest.raises(UserError, match=r"(?s)data have changed.*split train.*--split all"):
        evaluate(path, split="train", **FOLDER)
    found = evaluate(path, f"data.root={root}", split="all", **FOLDER)
    assert (found.data["own"], found.data["samples"]) == (False, 240)


# Ensembles


def outputs(path: Path, images: torch.Tensor, view: str = "ema_0.5") -> torch.Tensor:
    run = load_run(path, config_dir=USER_TREE)
    mean, std = run.facts.mean, run.facts.std
    assert mean is not None
    assert std is not None
    with torch.no_grad():
        logits: torch.Tensor = run.model("best", view)((images / 255 - mean[0]) / std[0])
    return logits.double()


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_an_ensemble_is_the_mean_of_its_members(kind: Any, copy: Callable[[str], Path], tmp_path: Path) -> None:
    paths = [copy("seed 0"), copy("seed 1")]
    root = digits(tmp_path / "other", parts=("train",))
    words = ("data=imagefolder", f"data.root={root}", "data.cache=none")
    found = evaluate(*paths, *words, ensemble=kind, **FOLDER)
    images, truth = read(root)
    both = torch.stack([outputs(path, images) for path in paths])
    together = both.mean(0).log_softmax(1) if kind == "logits" else both.softmax(2).mean(0).log()
    assert found.metrics["accuracy"] == pytest.approx((together.argmax(1) == truth).double().mean().item())
    assert found.metrics["nll"] == pytest.approx(-together[torch.arange(len(truth)), truth].mean().item(), rel=1e-5)
    assert [row["name"] for row in found.rows] == ["seed_0", "seed_1", f"ensemble of 2 ({kind})"]
    assert found.ensemble == kind


def test_of_one_run_taken_twice_it_is_that_run(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    found = evaluate(path, path, ensemble="logits", split="val", output=path.parent / "x.json", **FOLDER)
    assert numbers(found.rows[-1]["metrics"]) == pytest.approx(numbers(found.rows[0]["metrics"]))


def test_seeds_share_every_split_and_folds_the_test_split(copy: Callable[[str], Path]) -> None:
    folds = [copy("fold 0"), copy("fold 1")]
    assert evaluate(*folds, ensemble="logits", split="test", **FOLDER).data["samples"] == 200
    assert [Record.open(path).result()["lockbox"]["opened"] for path in folds] == [2, 2]
    assert [len(list((path / "evaluations").iterdir())) for path in folds] == [1, 1]
    with pytest.raises(UserError, match=r"(?s)fold_0 and fold_1 do not have the same val split.*--split test"):
        evaluate(*folds, ensemble="logits", split="val", **FOLDER)
    evaluate(copy("seed 0"), copy("seed 1"), ensemble="logits", split="val", **FOLDER)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("seed 0", "fewer"), "do not have the same test split, by the hashes in their records"),
        (("seed 0",), "at least two runs"),
    ],
)
def test_what_cannot_be_taken_together(
    names: tuple[str, ...], message: str, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    paths = [copy(name) for name in names]
    with pytest.raises(UserError, match=message):
        evaluate(*paths, ensemble="logits", split="test", **FOLDER)
    assert [Record.open(path).result()["lockbox"]["opened"] for path in paths] == [1] * len(paths)
    assert not list(tmp_path.rglob("evaluations"))


def test_other_classes_cannot_be_taken_together(copy: Callable[[str], Path], tmp_path: Path) -> None:
    root = digits(tmp_path / "three", classes=3)
    words = ("data=imagefolder", f"data.root={root}", "data.input_channels=1", "data.cache=none")
    few = train(*TINY, *words, f"output={tmp_path / 'outputs'}", **FOLDER).path
    with pytest.raises(UserError, match="cannot be taken together: num_classes is 10 and 3"):
        evaluate(copy("seed 0"), few, ensemble="logits", split="test", **FOLDER)


# Without a run


def test_a_recipe_with_weights_is_evaluated_without_a_run(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    words = [word for word in TINY if not word.startswith("select")]
    found = evaluate(*words, f"trainer.init_from={path}", split="val", **FOLDER)
    assert found.metrics == Record.open(path).result()["val"]["best"]["raw"]
    assert found.files == []
    assert found.rows[0]["checkpoint"] == "initial"
    with pytest.raises(UserError, match="the weights of Tiny would be random"):
        evaluate(*words, **FOLDER)


# Through the command line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_a_table_and_where_it_is_written(
    copy: Callable[[str], Path], capsys: Any, here: Path
) -> None:
    path = copy("seed 0")
    run = Run(Record.open(path))
    assert main(["evaluate", str(path), "--split", "test", "--view", "all", f"--config-dir={USER_TREE}"]) == 0
    out = capsys.readouterr().out
    assert "test of digits: 200 samples" in out
    for view, metrics in run.result["test"]["best"].items():
        (line,) = [line for line in out.splitlines() if f" {view} " in line]
        assert f"{metrics['accuracy']:.2%}" in line
        assert f"{metrics['nll']:.4f}" in line
    assert f"written: {path / 'evaluations'}" in out


WRONG: dict[str, list[str]] = {
    "nowhere": ["nowhere does not exist"],
    "seed_0 --split tset": [],
    "seed_0 --split all": ["--split all: a run's own data are evaluated by split"],
    "seed_0 --view ema_0.55": ["seed_0 has no view 'ema_0.55'", "did you mean: ema_0.5"],
    "seed_0 --checkpoint besst": ["besst.pt does not exist", "did you mean: best"],
    "seed_0 model=resnet20": ["model=resnet20: a trained run is asked as it is"],
    "seed_0 trainer.epochs=3": ["trainer.epochs=3: a trained run is asked as it is"],
    "seed_0 trainer.devices=2": ["trainer.devices=2: a trained run is asked as it is"],
    "seed_0 data.val_split=0.5": ["data.val_split=0.5: a trained run is asked as it is"],
    "seed_0 data.roott=x": ["data.roott is not an option of Digits"],
    "seed_0 data=imagefolder": ["data.root is required"],
    "seed_0 --output nowhere/x.json": ["--output nowhere/x.json cannot be written: there is no folder nowhere"],
    "seed_0 --ensemble": ["at least two runs"],
    "seed_0 trainer.precision=16-mixed": ["no mixed fp16 on a CPU"],
    "--checkpoint best": ["names a checkpoint of a run, and no run is given"],
    "": ["the weights of resnet20 would be random: name a run"],
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_requests(words: str, copy: Callable[[str], Path], capsys: Any, here: Path) -> None:
    path = copy("seed 0")
    before = sorted(here.rglob("*"))
    try:
        code = main(["evaluate", *words.split(), f"--config-dir={USER_TREE}"])
    except SystemExit as stopped:  # an option that argparse judges
        code = int(stopped.code or 0)
    said = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in said
    for fragment in WRONG[words]:
        assert fragment in said
    assert sorted(here.rglob("*")) == before
    assert Record.open(path).result()["lockbox"]["opened"] == 1


def test_test_time_augmentation_averages_the_probabilities_of_both_images(copy: Callable[[str], Path]) -> None:
    path = copy("seed 0")
    plain, flipped = (evaluate(path, tta=tta, **FOLDER) for tta in (None, "flip"))
    assert numbers(plain.metrics) != numbers(flipped.metrics)
    assert json.loads(flipped.files[0].read_text())["tta"] == "flip"
    run = load_run(path, config_dir=str(USER_TREE))
    images, labels = read_split(run, "val")
    with torch.no_grad():
        model = run.model(**{key: run.result["headline"][key] for key in ("checkpoint", "view")})
        mean = sum(model(view).softmax(1) for view in (images, images.flip(-1))) / 2
    assert flipped.metrics["accuracy"] == pytest.approx(float((mean.argmax(1) == labels).float().mean()))
    nll = -mean[torch.arange(len(labels)), labels].log().mean()
    assert flipped.metrics["nll"] == pytest.approx(float(nll), rel=1e-3)


def test_an_unknown_test_time_augmentation_is_refused(copy: Callable[[str], Path], capsys: Any) -> None:
    assert main(["evaluate", str(copy("seed 0")), "--tta", "flp", "--config-dir", str(USER_TREE)]) == 2
    assert "did you mean: flip" in capsys.readouterr().err


def read_split(run: Run, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images (N, C, H, W) float32 and labels of a split of a run on digits."""
    from recipelab.augment.normalize import Normalize
    from recipelab.data.digits import Digits
    from recipelab.data.splits import split as parts

    data = run.config["data"]
    options = {key: data[key] for key in ("val_split", "test_split", "split_seed", "limit")}
    pool = parts(*Digits().load(lambda line: None), **options)[split]
    facts = run.facts
    assert facts.mean is not None
    assert facts.std is not None
    return Normalize(facts.mean, facts.std, facts.image_size)(pool.images.movedim(-1, 1)), pool.targets
