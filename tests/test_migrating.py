"""docs/migrating.md is true: every word of its columns "here" is checked, every training of them is trained, small.

Every sixteenth training is in the quick tests, all of them in the slow ones. The names that the document must hold
are in `migrating_names.py`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from migrating_names import NAMES
from recipelab.cli import main
from recipelab.commands.ask import Ask
from recipelab.config.elsewhere import key_here
from recipelab.config.identity import flatten
from recipelab.core.errors import UserError
from recipelab.data import cifar, mnist
from recipelab.data.pool import Pool
from recipelab.records.record import Record
from wandb_files import OfflineRun

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
SPAN = re.compile(r"`([^`]+)`")
WORD = re.compile(r"[a-z_.]+=\S*")
QUICK_SHARE = 16

# A training of a moment; what the words of the document set themselves, stays.
SMALL = ("data.limit=60", "trainer.batch_size=16", "trainer.eval_batch_size=60", "trainer.threads=1", "progress=false")
SMALL = ("trainer.debug=fast", *SMALL, "logger=none", "trainer.precision=32")
# What cannot be had here: a GPU, a compiler that is worth its time, published weights and a download.
ELSEWHERE = ("accelerator=cuda", "compile=true", "pretrained=true", "data=oxford_iiit_pet", "env=cluster")
# Of the small members of the families, by the module that makes them.
MEMBERS = {
    "resnet_cifar": ("model.depth=8", "model.width=4"),
    "wide_resnet": ("model.depth=10", "model.width=1"),
    "pyramidnet": ("model.alpha=6", "model.width=4"),
    "vgg": ("model.width=4",),
    "torchvision_models": ("model.width=0.1", "model.depth=0.1"),
}
BY_DATA = {
    "data=imagenet": ("data.num_classes=2", "data.image_size=32", "data.resize_size=36"),
    "data=filenames": ("data.image_size=16",),
    "augment=imagenet": ("augment.size=32",),
    "recipe=resnet50_finetune": (
        *("model.pretrained=false", "augment.resize=40", "augment.crop=32", "augment.eval={resize:40,crop:32}"),
    ),
}


@dataclass(frozen=True)
class Row:
    """A row of a table: the spans of its first two columns, and the text of the third."""

    there: list[str]
    here: list[str]
    differs: str
    text: str


def rows() -> list[Row]:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| there ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == 3 for row in cells)
    return [Row(SPAN.findall(a), SPAN.findall(b), c, f"{a} {b} {c}") for a, b, c in cells]


ROWS = rows()
HERE = list(dict.fromkeys(span for row in ROWS for span in row.here))
COMMANDS = [span for span in HERE if span.startswith("recipelab ")]
# Trainings, as the words after `recipelab train`.
TRAININGS = [span for span in HERE if not span.startswith("recipelab ")]
TRAININGS += [
    span.removeprefix("recipelab train ")
    for span in COMMANDS
    if span.startswith("recipelab train ") and not re.search("--(help|multirun|cfg)", span)
]
OTHERS = [span for span in COMMANDS if span.removeprefix("recipelab train ") not in TRAININGS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the document's words name: photos, arrays, a recipe of one's own, a finished run, a cross-validation."""
    place = tmp_path_factory.mktemp("migrating")
    shutil.copytree(ROOT / "examples", place / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    rng = np.random.default_rng(0)
    names = [f"{folder}/{number}.png" for folder in ("photos/cat", "photos/dog") for number in range(12)]
    names += [f"ilsvrc/{part}/{wnid}/{n}.JPEG" for part in ("train", "val") for wnid in ("n1", "n2") for n in range(12)]
    names += [f"posters/{number}_{number / 4:.2f}.jpg" for number in range(40)]
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(place / name)
    labels = np.arange(60) % 3
    for name, shape in (("signals", (16,)), ("grey", (12, 12)), ("volumes", (6, 6, 6)), ("ages", (8, 8))):
        targets = rng.random(60).astype(np.float32) if name == "ages" else labels
        np.savez(place / f"{name}.npz", images=rng.integers(0, 256, (60, *shape), np.uint8), targets=targets)
    complete = Ask(("data=digits", "model=resnet20", "trainer.epochs=3")).recipe().config
    (place / "my_recipe.yaml").write_text(yaml.safe_dump(complete))
    (place / "my_conf" / "recipe").mkdir(parents=True)
    some = "# @package _global_\n# Some keys.\ndefaults:\n  - override /scheduler: step\noptimizer: {lr: 0.05}\n"
    (place / "my_conf" / "recipe" / "base.yaml").write_text(some)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    monkeypatch.setenv("XDG_CACHE_HOME", str(made / "cache"))
    monkeypatch.setenv("EXPERIMENT_LOCATION", str(tmp_path / "experiments"))
    monkeypatch.setenv("DATASET_LOCATION", str(made / "data"))
    for name in [name for name in os.environ if name.startswith("WANDB_")]:  # whoever runs the tests has an account
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(made / "netrc"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(made / "wandb" / name.lower()))
    monkeypatch.setattr(cifar, "_load", lambda archive, *rest: noise(100 if "100" in archive.__name__ else 10, 32, 3))
    monkeypatch.setattr(mnist, "_load", lambda *rest: noise(10, 28, 1))
    return made


def noise(classes: int, size: int, channels: int) -> tuple[Pool, Pool]:
    """A training and a test pool in the format of a published data set: 4 and 1 images a class, at least 60 and 20."""
    torch.manual_seed(0)
    counts = (max(60, 4 * classes), max(20, classes))
    parts = [torch.randint(0, 256, (count, size, size, channels), dtype=torch.uint8) for count in counts]
    train, test = (Pool(images, torch.arange(len(images)) % classes) for images in parts)
    return train, test


def finished(name: str) -> str:
    """The record RUN, or the cross-validation FOLDS, trained when it is first asked for."""
    if not Path(name).exists():
        kind = ("data.folds=3", "data.fold=all") if name == "FOLDS" else ("averaging=ema", "averaging.decay=0.9995")
        words = [word for word in SMALL if not word.startswith("trainer.debug")]
        assert (
            main(["train", *words, *MEMBERS["resnet_cifar"], *kind, "trainer.epochs=2", "seed=0", f"output=_{name}"])
            == 0
        )
        next(Path(f"_{name}").iterdir()).rename(name)
    return name


def typed(span: str) -> list[str]:
    words = shlex.split(span)
    for name in ("RUN", "FOLDS"):
        if any(re.search(rf"\b{name}\b", word) for word in words):
            finished(name)
    return words


def exit_code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as done:  # --help, and what argparse refuses
        return int(done.code or 0)


def ask(words: list[str]) -> Ask:
    """The recipe of words as they follow `recipelab train`."""
    options, plain = {"--config": None, "--config-dir": None}, []
    rest = iter(words)
    for word in rest:
        if word in options:
            options[word] = next(rest)  # type: ignore[assignment]
        else:
            plain.append(word)
    return Ask(tuple(plain), *options.values())


def small(words: list[str]) -> list[str]:
    """What makes the training of `words` small; nothing that they say themselves is changed."""
    recipe = ask(words).recipe().config
    config, source = recipe["model"], recipe["data"]["_target_"]
    family = config["_target_"].split(".")[-2]
    extra = [*SMALL, *MEMBERS.get(family, ())]
    for key, more in BY_DATA.items():
        extra += more if key in words else ()
    if family in ("resnet", "preact_resnet"):
        basic = config["bottleneck"] is False or (config["bottleneck"] == "auto" and config["depth"] in (18, 34))
        extra += [f"model.depth={10 if basic else 14}", "model.width=4"]
    if family == "pyramidnet":
        extra += ["model.depth=11" if config["bottleneck"] else "model.depth=8"]
    if not source.endswith(("Digits", "CIFAR10", "MNIST")):  # few samples, or many classes
        extra.remove("data.limit=60")
    if "layout" in str(words):
        extra = [word for word in extra if not word.startswith("model.depth")]
    given = {word.split("=")[0] for word in words}
    return [word for word in extra if word.split("=")[0] not in given]


def test_every_span_here_is_a_command_or_words() -> None:
    assert [span for span in HERE if not (span.startswith("recipelab ") or WORD.match(shlex.split(span)[0]))] == []
    assert len(TRAININGS) > 150
    assert len(OTHERS) > 20


@pytest.mark.parametrize("span", TRAININGS)
def test_every_training_is_a_sound_recipe(span: str, place: Path) -> None:
    words = typed(span)
    if "trainer.resume=RUN" in words:
        return
    recipe = ask(words).recipe()
    flat = flatten(recipe.config)
    for word in words:
        key, equals, value = word.lstrip("+").partition("=")
        if equals and "." in key and key in flat and value.replace(".", "", 1).isdigit():
            assert float(flat[key]) == float(value), word
    assert recipe.slots["model"] is not None


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(span, marks=[pytest.mark.slow] if number % QUICK_SHARE or "timm" in span else [])
        for number, span in enumerate(TRAININGS)
        if not any(word in span for word in ELSEWHERE)
    ],
)
def test_every_training_trains(span: str, place: Path, tmp_path: Path) -> None:
    words = typed(span)
    resumed = "trainer.resume=RUN" in words
    if resumed:
        shutil.copytree("RUN", tmp_path / "RUN")
        words = [word.replace("=RUN", f"={tmp_path / 'RUN'}") for word in words]
    extra = [] if resumed else [*small(words), f"output={tmp_path / 'outputs'}"]
    if "data.fold=all" in words:
        extra = ["trainer.epochs=1", *(word for word in extra if not word.startswith("trainer.debug"))]
    assert exit_code(["train", *words, *extra]) == 0
    if "logger=wandb" in words:
        _is_mirrored(next((tmp_path / "outputs").iterdir()), words)


def _is_mirrored(record: Path, words: list[str]) -> None:
    """What W&B was given, offline, is what the record has."""
    found, run = OfflineRun(record), Record.open(record)
    assert [row["step"] for row in found.metrics] == [row["step"] for row in run.metrics.rows()]
    named = [word.partition("=")[2] for word in words if word.startswith("logger.project=")]
    assert found.run.project == (named[0] if named else "digits")
    assert found.config["optimizer"] == run.config()["optimizer"]
    assert found.exit_code == 0


# Studies of so many arms that composing each takes seconds; tests/studies/ composes each level of theirs.
LARGE = (
    "optimizers",
    "augmentation",
    "training_time",
    "techniques",
    "ema_schedules",
    "--multirun recipe=he_cifar model",
)


@pytest.mark.parametrize(
    "span", [pytest.param(s, marks=[pytest.mark.slow] if any(name in s for name in LARGE) else []) for s in OTHERS]
)
def test_every_other_command_does_something(span: str, place: Path, tmp_path: Path) -> None:
    words = typed(span)[1:]
    if words[0] in ("study", "tune") or "--multirun" in words:
        words += [word for word in ("--dry-run",) if word not in words]
    if words[0] in ("show", "ledger", "report") and "--help" not in words:
        words += ["--output" if words[0] == "report" else "--to", str(tmp_path / "pictures")]
    if {"RUN", "FOLDS"} & set(words):
        shutil.copytree("RUN" if "RUN" in words else "FOLDS", tmp_path / "record")
        words = [str(tmp_path / "record") if word in ("RUN", "FOLDS") else word for word in words]
    assert exit_code(words) == 0
    if words[0] == "report" and "--help" not in words:
        assert (tmp_path / "pictures" / "report.html").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("span", [s for s in OTHERS if s.startswith("recipelab tune ") and "--help" not in s])
def test_every_search_searches_and_is_reported(span: str, place: Path, tmp_path: Path) -> None:
    words = [word for word in typed(span)[1:] if not word.startswith("trials=")]
    extra = ["data=digits", "data.limit=200", "trainer.epochs=1", "trainer.batch_size=32", "trainer.precision=32"]
    extra += ["model.depth=8", "model.width=4", "logger=none", "trainer.threads=1", "trials=2", f"--output={tmp_path}"]
    assert exit_code([*words, *extra]) == 0
    summary = json.loads((tmp_path / "resnet20" / "summary.json").read_text())
    assert summary["counts"]["finished"] == 2
    assert summary["test"]["view"] == ("ema_0.9995" if "search.view=ema_0.9995" in words else "raw")
    assert summary["opened"] == 1
    assert exit_code(["report", str(tmp_path / "resnet20"), "--output", str(tmp_path / "page")]) == 0
    assert (tmp_path / "page" / "report.html").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_multirun_trains(place: Path, tmp_path: Path) -> None:
    """75 arms of the first table, in fifteen trainings."""
    words = typed(next(span for span in OTHERS if "--multirun" in span))[1:]
    extra = [
        "data=digits",
        "trainer.epochs=2",
        "data.limit=60",
        "trainer.batch_size=16",
        "model.depth=8",
        "model.width=4",
    ]
    assert exit_code([*words, *extra, "logger=none", "trainer.threads=1", f"output={tmp_path}"]) == 0
    assert len(list(tmp_path.rglob("result.json"))) == 15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text[:60])
def test_a_name_of_theirs_is_refused_or_explained(row: Row, place: Path) -> None:
    """What is typed as it was there must not pass for something else in silence."""
    for word in (word for span in row.there for word in shlex.split(span) if WORD.fullmatch(word) and word[-1] != "="):
        if key_here(word.split("=")[0]):  # refused with a hint: tests/config/test_elsewhere.py
            continue
        try:
            Ask((word,)).recipe()
        except UserError:
            continue
        assert row.differs or any(word.lower() in here.lower() for here in row.here), word


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_in_the_document(name: str) -> None:
    assert name in TEXT


def test_files_of_a_record_are_called_as_they_are() -> None:
    record = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    named = {span for span in SPAN.findall(TEXT) if re.fullmatch(r"[\w/]+\.(csv|json|pt|bin|log)", span)}
    assert {"metrics.csv", "result.json", "resources.csv"} <= named
    assert [name for name in named if name not in record] == []
