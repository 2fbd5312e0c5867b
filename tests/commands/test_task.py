"""What follows from the task: loss, metrics, selection, tables; and a regression from the command to its record."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab.commands.ask import Ask
from recipelab.commands.check import check_command
from recipelab.commands.look import look
from recipelab.commands.runs import runs
from recipelab.commands.train import train
from recipelab.core.errors import UserError
from recipelab.figures.confusion import Confusions
from recipelab.loop.load_run import load_run
from recipelab.records.listing import list_records
from recipelab.reports import drawn_results
from recipelab.reports.material import OneRun
from tiny_recipe import TINY, USER_TREE

KAPPA = "{_target_:torchmetrics.classification.MulticlassCohenKappa}"


@pytest.fixture(scope="module")
def angles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of 8x8 pixels at a height; two targets: the height, and ten times it."""
    folder = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    height = draw.integers(0, 8, 200)
    images = draw.integers(0, 60, (200, 8, 8), dtype=np.uint8)
    images[np.arange(200), height] += 180
    np.savez(folder / "one.npz", images=images, targets=(height / 4).astype(np.float32))
    np.savez(
        folder / "two.npz", images=images.astype(np.float32) / 7, targets=np.stack([height, 10.0 * height], 1) / 40
    )
    return folder


def words(data: Path, output: Path, *more: str) -> list[str]:
    own = [word for word in TINY if not word.startswith("data")]
    return [*own, "data=arrays", f"data.root={data}", f"output={output}", "optimizer=adamw", "optimizer.lr=0.01", *more]


@pytest.fixture(scope="module")
def run(angles: Path, tmp_path_factory: pytest.TempPathFactory):
    output = tmp_path_factory.mktemp("outputs")
    more = (
        "averaging=ema",
        "averaging.decays=[0.9]",
        "result_plot=all",
        "logger=tensorboard",
        "augment=shift",
        "ledger=error",
    )
    return train(*words(angles / "one.npz", output, *more), config_dir=str(USER_TREE), quiet=True)


def test_a_regression_leaves_a_record_of_its_own_metrics(run):
    assert run.result["task"] == "regression"
    assert run.config["loss"] == {"_target_": "recipelab.losses.mse.MSE"}
    assert run.config["select_metric"] == "mae"
    assert run.record.environment()["resolved"]["precision"] == "32"
    row = run.metrics[-1]
    assert {"train_loss", "train_mse", "train_mae", "val_raw_mae", "val_ema_0.9_r2", "val_raw_pearson"} <= row.keys()
    assert not any("accuracy" in name or "nll" in name for name in row)
    assert row["train_loss"] == pytest.approx(row["train_mse"])
    head = run.result["headline"]
    assert head["metric"] == "mae"
    assert head["mae"] == run.result["test"][head["checkpoint"]]["raw"]["mae"]
    assert run.metrics[-1]["val_raw_mae"] < run.metrics[0]["val_raw_mae"]


def test_the_ledger_of_a_regression_holds_absolute_errors(run):
    ledger = run.ledger()
    for view in ("raw", "ema_0.9"):
        assert ledger.error(view).mean(1) == pytest.approx([row[f"val_{view}_mae"] for row in run.metrics], rel=1e-5)
    with pytest.raises(UserError, match="keeps no correct"):
        ledger.correct()


def test_best_is_the_lowest_error(run):
    rows = run.metrics
    best = min(rows, key=lambda row: (row["val_raw_mae"], row["val_raw_mse"]))
    assert run.record.load_checkpoint("best")["step"] == best["step"]
    assert run.result["val"]["best"]["raw"]["mae"] == best["val_raw_mae"]


def test_evaluation_is_that_of_the_model_on_the_stored_images(run, angles: Path):
    from recipelab.commands.job import prepare

    job = prepare(Ask(tuple(words(angles / "one.npz", run.path.parent)), None, str(USER_TREE)), lambda line: None)
    pool, (mean,), (std,) = job.pools["test"], job.facts.mean, job.facts.std
    images = (pool.images.movedim(-1, 1).float() / 255 - mean) / std
    with torch.no_grad():
        outputs = load_run(run.path, config_dir=USER_TREE).model("last")(images)
    found = run.result["test"]["last"]["raw"]
    assert found["mae"] == pytest.approx((outputs - pool.targets).abs().mean().item(), rel=1e-4)
    assert found["mse"] == pytest.approx((outputs - pool.targets).square().mean().item(), rel=1e-4)


def test_tables_and_curves_name_what_they_show(run, capsys: pytest.CaptureFixture[str]):
    log = (run.path / "train.log").read_text()
    assert "1 target, 8x8, 1 channel" in log
    assert "test MAE" in log
    assert "accuracy" not in log
    (row,) = list_records(run.path)
    assert (row["metric"], row["val_accuracy"]) == ("mae", None)
    assert row["test"] == run.result["headline"]["mae"]
    runs(str(run.path.parent))
    assert f"mae {row['test']:.4g}" in capsys.readouterr().out
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"MAE/val_raw", "MSE/train", "Loss/train", "R2/val_ema_0.9"} <= set(tags["scalars"])
    assert set(tags["images"]) == {"Result/parity_train", "Result/parity_val", "Result/parity_test"}


def test_plots_are_in_the_record_with_their_numbers(run):
    assert sorted(path.name for path in (run.path / "figures").iterdir()) == [
        f"parity_{split}.{kind}" for split in ("test", "train", "val") for kind in ("json", "png")
    ]
    kept = json.loads((run.path / "figures" / "parity_test.json").read_text())
    head = run.result["headline"]
    (target,) = kept["targets"]
    assert target["mae"] == pytest.approx(run.result["test"][head["checkpoint"]][head["view"]]["mae"], rel=1e-4)
    parity, residuals = drawn_results.of_results(OneRun(run.path, "run"))[:2]
    assert (parity.name, residuals.name) == ("parity_test", "residuals_test")


def test_a_classification_is_plotted_as_asked(tmp_path: Path):
    words = [*TINY, f"output={tmp_path}", "trainer.epochs=1", "lockbox=closed"]
    for asked, splits in (("val", ["val"]), ("all", ["train", "val"]), ("none", [])):
        run = train(*words, f"result_plot={asked}", config_dir=str(USER_TREE), quiet=True)
        wanted = [f"confusion_{split}{kind}" for split in splits for kind in (".json", ".png", "_normalized.png")]
        assert sorted(path.name for path in run.path.glob("figures/*")) == sorted(wanted)
        for split in splits:
            kept = json.loads((run.path / "figures" / f"confusion_{split}.json").read_text())
            matrix = Confusions(**{key: value for key, value in kept.items() if key != "schema"}).matrix()
            head = run.result["headline"]
            right = matrix.trace() / matrix.sum()
            assert right == pytest.approx(run.result[split][head["checkpoint"]][head["view"]]["accuracy"])


def test_several_targets_of_float_images_resume_bit_for_bit(angles: Path, tmp_path: Path):
    more = ("trainer.checkpoint_every=2st", "averaging=ema", "augment=baseline", "augment.padding=1", "mix=mixup")
    whole = train(*words(angles / "two.npz", tmp_path / "a", *more), config_dir=str(USER_TREE), quiet=True)
    short = words(angles / "two.npz", tmp_path / "b", *more, "scheduler=constant", "trainer.epochs=1")
    constant = words(angles / "two.npz", tmp_path / "c", *more, "scheduler=constant")
    cut = train(*short, config_dir=str(USER_TREE), quiet=True)
    again = train(f"trainer.resume={cut.path}", "trainer.epochs=3", config_dir=str(USER_TREE), quiet=True)
    through = train(*constant, config_dir=str(USER_TREE), quiet=True)
    for name, value in through.model("last").state_dict().items():
        assert torch.equal(value, again.model("last").state_dict()[name]), name
    assert again.metrics[-1]["train_mae"] == through.metrics[-1]["train_mae"]
    assert whole.facts.image_dtype == "float32"
    assert whole.facts.num_classes == 2
    assert len(whole.result["test"]["last"]["raw"]["mae_per_target"]) == 2


def test_further_metrics_are_measured_and_may_select(tmp_path: Path):
    metrics = f"metrics=[auroc,ece,top3,precision_per_class,{KAPPA}]"
    run = train(
        *TINY,
        f"output={tmp_path}",
        metrics,
        "select_metric=multiclasscohenkappa",
        config_dir=str(USER_TREE),
        quiet=True,
    )
    row = run.metrics[-1]
    assert {f"val_raw_{name}" for name in ("auroc", "ece", "top3", "multiclasscohenkappa")} <= row.keys()
    found = run.result["test"]["last"]["raw"]
    assert len(found["precision_per_class"]) == 10
    assert 0.5 < found["auroc"] <= 1
    best = max(run.metrics, key=lambda row: row["val_raw_multiclasscohenkappa"])
    assert run.result["val"]["best"]["raw"]["multiclasscohenkappa"] == best["val_raw_multiclasscohenkappa"]
    again = train("seed=1", f"output={tmp_path}", config=str(run.path), config_dir=str(USER_TREE), quiet=True)
    assert again.config["metrics"] == run.config["metrics"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["data.task=Regression"], "did you mean: regression"),
        (["task=regression"], "did you mean: data.task"),
        (["data.task=regression"], "data.task=regression contradicts the data, which have classification"),
        (["loss=mse"], "MSE is a loss of regression, and the data are a classification.*loss=auto"),
        (["metrics=[acc]"], "there is no metric 'acc' of a classification"),
        (["metrics=[mae]"], "it is one of regression"),
        (["metrics=[top10]"], "top10 is 1 whatever the model does"),
        (["select_metric=acuracy"], "did you mean: accuracy"),
        (["select_metric=auroc"], r"added by metrics=\[auroc\]"),
        (
            ["metrics=[{_target_:torchmetrics.classification.MulticlassCohenKapa}]"],
            "did you mean: MulticlassCohenKappa",
        ),
        (
            ["metrics=[{_target_:torchmetrics.classification.MulticlassCohenKappa,weigths:linear}]"],
            "Unexpected keyword arguments: `weigths`",
        ),
        (["metrics=[{_target_:torchmetrics.MeanSquaredError}]"], "cannot measure a classification"),
        ([f"metrics=[{KAPPA},{KAPPA}]"], "cannot name .*: give it another"),
        (["metrics=[{name:x}]"], "_target_"),
        (["metrics=[3]"], "metrics"),
        (["result_plot=vall"], "did you mean: val"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(more: list[str], said: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"(?s){said}"):
        look(Ask(("data=digits", *more)))
    assert list(tmp_path.iterdir()) == []


KEYS = ("scheduler", "early_stopping")
WATCHED = ("scheduler=plateau", "early_stopping=patience")


def test_what_watches_the_metrics_watches_that_of_the_task(angles: Path, tmp_path: Path):
    """A plateau and early stopping without a metric: accuracy for classes, the mean absolute error for a regression."""
    for own, metric in ((("data=digits",), "accuracy"), (words(angles / "one.npz", tmp_path), "mae")):
        found = look(Ask((*own, *WATCHED), None, str(USER_TREE))).recipe
        named = look(Ask((*own, *WATCHED, *(f"{key}.metric={metric}" for key in KEYS)), None, str(USER_TREE))).recipe
        assert [found.config[key]["metric"] for key in KEYS] == [metric, metric]
        assert found.config == named.config
    never = ("scheduler.patience=0", "scheduler.threshold=9.0", "early_stopping.patience=2")
    run = train(
        *words(angles / "one.npz", tmp_path, *WATCHED, *never, "early_stopping.min_delta=9.0", "trainer.epochs=6"),
        config_dir=str(USER_TREE),
        quiet=True,
    )
    assert [run.config[key]["metric"] for key in KEYS] == ["mae", "mae"]
    assert len(run.metrics) == 3  # the first value is the best, two more are borne
    assert [row["lr"] for row in run.metrics] == pytest.approx([0.01, 0.01, 0.001])


def test_less_is_better_of_the_error_that_is_watched(angles: Path, tmp_path: Path):
    """The error falls from epoch to epoch: a plateau that took more for better would see none of it."""
    more = ("scheduler=plateau", "scheduler.patience=0", "scheduler.threshold=0.0", "trainer.epochs=4")
    run = train(*words(angles / "one.npz", tmp_path, *more), config_dir=str(USER_TREE), quiet=True)
    errors = [row["val_raw_mae"] for row in run.metrics]
    expected, best = [0.01], errors[0]
    for error in errors[1:-1]:
        expected.append(expected[-1] * (1.0 if error < best else 0.1))
        best = min(best, error)
    assert min(errors) < errors[0]
    assert [row["lr"] for row in run.metrics] == pytest.approx([0.01, *expected])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["loss=cross_entropy"], "CrossEntropy is a loss of classification"),
        (["loss.label_smoothing=0.1"], "loss.label_smoothing=0.1 has nothing to apply to in a regression"),
        (["metrics=[accuracy]"], "it is one of classification"),
        (["data.num_classes=3"], "data.num_classes=3 contradicts the data, which have 1"),
    ],
)
def test_what_does_not_fit_a_regression(more: list[str], said: str, angles: Path):
    with pytest.raises(UserError, match=f"(?s){said}"):
        check_command(Ask(tuple(words(angles / "one.npz", angles, *more)), None, str(USER_TREE)))


def test_a_loss_of_one_number_is_refused():
    with pytest.raises(UserError, match=r"gives \(\) for 4 samples: one value a sample"):
        check_command(Ask(("loss._target_=torch.nn.CrossEntropyLoss",)))


def test_a_metric_from_somebodys_file_is_a_class_of_torchmetrics(tmp_path: Path):
    from recipelab.config.check import check
    from recipelab.config.compose import compose

    base = look(Ask(("data=digits",))).recipe.config
    check(compose(base={**base, "metrics": [{"_target_": "torchmetrics.classification.MulticlassCohenKappa"}]}))
    for path in ("torch.load", "os.system", "torchmetrics.functional.accuracy", "torch.nn.Linear"):
        with pytest.raises(UserError, match="metrics"):
            check(compose(base={**base, "metrics": [{"_target_": path}]}))


def test_the_same_image_in_both_parts_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    draw = np.random.default_rng(0)
    for part, count in (("train", 6), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{number}.png")
    twin = (tmp_path / "train" / "cat" / "3.png").read_bytes()
    (tmp_path / "test" / "dog" / "0.png").write_bytes(twin)
    from recipelab.commands.job import prepare

    lines: list[str] = []
    prepare(Ask(("data=imagefolder", f"data.root={tmp_path}")), lines.append)
    (line,) = [line for line in lines if "warning" in line]
    assert "1 of 4 test images are training images, too" in line
    assert "test/dog/0.png = train/cat/3.png" in line


def test_not_a_number_in_a_metric_is_null_in_the_record(tmp_path: Path, angles: Path):
    """A validation part of one sample has no R2."""
    data = np.load(angles / "one.npz")
    np.savez(tmp_path / "few.npz", images=data["images"][:20], targets=data["targets"][:20])
    more = ("data.val_split=0.05", "trainer.epochs=1")
    run = train(*words(tmp_path / "few.npz", tmp_path / "out", *more), config_dir=str(USER_TREE), quiet=True)
    assert run.result["val"]["last"]["raw"]["r2"] is None
    assert math.isnan(run.metrics[-1]["val_raw_r2"])
