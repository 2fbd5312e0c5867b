"""Files that somebody made to harm: nothing in them is executed, nothing is written, and each is refused in words.

A corpus. Every case changes a sound record, recipe, cache or folder of images, runs a command on it, and looks: exit
code 2, one clear message, no canary, and every file of the place as it was.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from recipelab import train
from recipelab.cli import main
from recipelab.core.plain import LARGEST
from tiny_recipe import TINY

Capture = pytest.CaptureFixture[str]
RECIPE = ("model=resnet20", *(word for word in TINY if word != "model=tiny"), "trainer.steps=2")
CANARY = "executed"


class Payload:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(*RECIPE, f"output={tmp_path_factory.mktemp('sound')}", quiet=True).path


@pytest.fixture
def record(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record in an empty folder, which is also the folder that commands are run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(sound, "record")
    return Path("record")


def state() -> dict[str, Any]:
    """Every file and folder here with its content."""
    return {str(p): p.read_bytes() if p.is_file() else p.is_dir() for p in Path().rglob("*")}


def refused(words: list[str], capsys: Capture) -> str:
    """The message of a command that is refused and leaves everything as it was."""
    before = state()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert not Path(CANARY).exists(), "executed!"
    assert state() == before
    return said


# Checkpoints


def content(record: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(record / "checkpoints" / "last.pt", weights_only=True)
    return found


def put(record: Path, found: Any, **options: Any) -> None:
    for name in ("last", "best"):
        torch.save(found, record / "checkpoints" / f"{name}.pt", **options)


def with_weight(change: Callable[[torch.Tensor], Any]) -> Callable[[Path], None]:
    """The first weight replaced."""

    def apply(record: Path) -> None:
        found = content(record)
        name = next(iter(found["model"]))
        found["model"][name] = change(found["model"][name])
        put(record, found)

    return apply


def with_key(**changes: Any) -> Callable[[Path], None]:
    return lambda record: put(record, {**content(record), **changes})


def without(key: str) -> Callable[[Path], None]:
    return lambda record: put(record, {k: v for k, v in content(record).items() if k != key})


def as_bytes(data: bytes) -> Callable[[Path], None]:
    def apply(record: Path) -> None:
        for name in ("last", "best"):
            (record / "checkpoints" / f"{name}.pt").write_bytes(data)

    return apply


def rezipped(change: Callable[[zipfile.ZipFile, zipfile.ZipFile], None]) -> Callable[[Path], None]:
    def apply(record: Path) -> None:
        for name in ("last", "best"):
            path = record / "checkpoints" / f"{name}.pt"
            old = path.rename(path.with_suffix(".old"))
            with zipfile.ZipFile(old) as source, zipfile.ZipFile(path, "w") as target:
                change(source, target)
            old.unlink()

    return apply


def _pack(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    for entry in source.infolist():
        target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)


def _outward(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    for entry in source.infolist():
        target.writestr(entry.filename.replace("last/", "../../").replace("best/", "../../"), source.read(entry))
    target.writestr("/tmp/../data.pkl", pickle.dumps(Payload()))


def _pickle_inside(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    for entry in source.infolist():
        hostile = entry.filename.endswith("data.pkl")
        target.writestr(entry.filename, pickle.dumps(Payload(), 2) if hostile else source.read(entry))


def _cut(record: Path) -> None:
    for name in ("last", "best"):
        path = record / "checkpoints" / f"{name}.pt"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(record: Path) -> None:
    for name in ("last", "best"):
        path = record / "checkpoints" / f"{name}.pt"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


CHECKPOINTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "an object that runs a command": (with_key(extra=Payload()), "could run code"),
    "the same in the weights": (with_weight(lambda _: Payload()), "could run code"),
    "the pickle replaced": (rezipped(_pickle_inside), "cannot be read"),
    "the old format": (lambda r: put(r, Payload(), _use_new_zipfile_serialization=False), "cannot be read"),
    "a bare pickle": (as_bytes(pickle.dumps(Payload())), "cannot be read"),
    "a module": (with_key(model=torch.nn.Linear(2, 2)), "could run code"),
    "paths that lead out": (rezipped(_outward), "cannot be read"),
    "packed to grow": (rezipped(_pack), "may be made to fill the memory"),
    "one number that claims a trillion": (with_weight(lambda _: torch.zeros(1).expand(10**12)), "larger than what is"),
    "without values": (with_weight(lambda w: w.to("meta")), "not plain"),
    "complex": (with_weight(lambda w: w.to(torch.complex64)), "weights are of another model (other type"),
    "of another shape": (with_weight(lambda w: w[:1]), "weights are of another model (other shape"),
    "no tensor": (with_weight(lambda _: "x"), "no tensors by name"),
    "no names": (with_key(model={1: torch.zeros(1)}), "no tensors by name"),
    "a list of weights": (with_key(model=[1]), "no tensors by name"),
    "views that are none": (with_key(views=[1]), "no weights by name"),
    "weights of another model": (with_key(model={"a": torch.zeros(2)}), "of another model"),
    "cut": (_cut, "cannot be read"),
    "a bit flipped": (_flipped, "cannot be read"),
    "empty": (as_bytes(b""), "cannot be read"),
    "another version": (with_key(schema=2), "has checkpoint schema 2, this recipelab reads 1"),
}


@pytest.mark.parametrize("command", ["evaluate", "predict", "resume", "init_from"])
@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(case: str, command: str, record: Path, capsys: Capture) -> None:
    change, message = CHECKPOINTS[case]
    change(record)
    Image.new("L", (8, 8)).save("a.png")
    words = {
        "evaluate": ["evaluate", "record", "--output", "x.json"],
        "predict": ["predict", "record", "a.png"],
        "resume": ["train", "trainer.resume=record", "trainer.steps=4"],
        "init_from": ["train", *RECIPE, "trainer.init_from=record/checkpoints/last.pt"],
    }
    if command == "init_from" and case == "views that are none":
        message = "no weights by name"
    if command == "resume":
        before = (record / "result.json").read_bytes()
        _resume_refused(words["resume"], message, capsys)
        assert json.loads(before)["progress"] == json.loads((record / "result.json").read_bytes())["progress"]
        return
    assert message in refused(words[command], capsys)


def _resume_refused(words: list[str], message: str, capsys: Capture) -> None:
    """A resume has locked the record and said so in its log before it finds out; its results stay as they were."""
    before = {name: data for name, data in state().items() if not name.endswith("train.log")}
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said or "not of this recipe, or damaged" in said
    assert not Path(CANARY).exists(), "executed!"
    assert {name: data for name, data in state().items() if not name.endswith("train.log")} == before


@pytest.mark.parametrize("words", [["evaluate", "record"], ["train", "trainer.resume=record", "trainer.steps=4"]])
def test_an_environment_that_forces_unsafe_loading(
    words: list[str], record: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(extra=Payload())(record)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    _resume_refused(words, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set", capsys)


# The other files of a record


def with_json(name: str, **changes: Any) -> Callable[[Path], None]:
    def apply(record: Path) -> None:
        path = record / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return apply


def with_text(name: str, text: str) -> Callable[[Path], None]:
    return lambda record: (record / name).write_text(text) and None  # type: ignore[func-returns-value]


def huge(name: str) -> Callable[[Path], None]:
    def apply(record: Path) -> None:
        with open(record / name, "wb") as file:
            file.truncate(LARGEST + 1)  # takes no place on the disk

    return apply


def with_config(**changes: Any) -> Callable[[Path], None]:
    def apply(record: Path) -> None:
        path = record / "config.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))

    return apply


FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a result nested without end": (with_text("result.json", "[" * 200_000), "result.json cannot be read"),
    "a result of a newer version": (with_json("result.json", schema=99), "written by a newer recipelab"),
    "a result that is too large": (huge("result.json"), "more than"),
    "an environment nested without end": (with_text("environment.json", "[" * 200_000), "cannot be read"),
    "an environment that is a list": (with_text("environment.json", "[]"), "keys and values are expected"),
    "facts that are none": (with_json("environment.json", facts=3), "environment.json: facts"),
    "a precision that is none": (
        with_json("environment.json", resolved={"precision": "evil"}),
        "resolved.precision='evil'",
    ),
    "splits that are none": (with_json("environment.json", splits=[1]), "tells no hash of the splits"),
    "a recipe that is a list": (with_text("config.yaml", "[1]"), "config.yaml"),
    "a recipe that names a command": (
        with_config(model={"_target_": "os.mkdir", "path": CANARY}),
        "model._target_=os.mkdir",
    ),
    "a recipe in python's yaml": (
        with_text("config.yaml", f"!!python/object/apply:os.mkdir ['{CANARY}']"),
        "cannot be read as yaml",
    ),
    "a model that is too large to build": (
        with_config(model={"_target_": "torch.nn.Linear", "in_features": 10**7, "out_features": 10**7}),
        "of another model",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_a_record(case: str, record: Path, capsys: Capture) -> None:
    change, message = FILES[case]
    change(record)
    assert message in refused(["evaluate", "record"], capsys)
    assert main(["runs", "."]) == 0  # a table shows what can be shown


def test_facts_that_claim_any_size(record: Path, capsys: Capture) -> None:
    facts = json.loads((record / "environment.json").read_text())["facts"]
    with_json("environment.json", facts={**facts, "image_size": [10**9, 10**9]})(record)
    Image.new("L", (8, 8)).save("a.png")
    assert "image_size" in refused(["predict", "record", "a.png"], capsys)


@pytest.mark.parametrize("name", ["train.log", "resources.csv", "metrics.csv", "lock", "checkpoints", "evaluations"])
@pytest.mark.parametrize("command", [["evaluate", "record"], ["train", "trainer.resume=record", "trainer.steps=4"]])
def test_links_that_lead_out_of_a_record(name: str, command: list[str], record: Path, capsys: Capture) -> None:
    """What is appended to or written below would land there: in a start-up file of the shell, for one."""
    victim, link = Path("victim").absolute(), record / name
    if link.is_dir():
        shutil.move(link, victim)
    elif name == "evaluations":
        victim.mkdir()
    else:
        link.unlink(missing_ok=True)
        victim.write_text("original\n")
    link.symlink_to(victim)
    assert f"{name} is a link" in refused(command, capsys)


# Recipes

MODEL = {"_target_": "recipelab.models.resnet_cifar.resnet20"}
FOLDER = {"_target_": "recipelab.data.imagefolder.ImageFolder", "root": "photos", "image_size": 8}
RECIPES: dict[str, tuple[dict[str, Any] | str, str]] = {
    "torch.load": ({"model": {"_target_": "torch.load", "f": "x.pt"}}, "cannot fill the slot"),
    "torch.serialization.load": ({"model": {"_target_": "torch.serialization.load", "f": "x"}}, "cannot fill the slot"),
    "torch.jit.load": ({"model": {"_target_": "torch.jit.load", "f": "x.pt"}}, "cannot fill the slot"),
    "torch.hub.load": ({"model": {"_target_": "torch.hub.load", "repo_or_dir": "a/b", "model": "c"}}, "cannot fill"),
    "torch.ops.load_library": ({"model": {"_target_": "torch.ops.load_library", "path": "x.so"}}, "cannot fill"),
    "torch.classes.load_library": ({"model": {"_target_": "torch.classes.load_library", "path": "x"}}, "cannot fill"),
    "torchvision's datasets": (
        {"data": {"_target_": "torchvision.datasets.CIFAR10", "root": "x", "download": True}},
        "may name what recipelab.data has",
    ),
    "a metric that fetches a model": (
        {"model": {"_target_": "torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity"}},
        "model._target_=torchmetrics",
    ),
    "os.system": ({"model": {"_target_": "os.mkdir", "path": CANARY}}, "model._target_=os.mkdir"),
    "a builtin": ({"loss": {"_target_": "builtins.exec", "source": f"open('{CANARY}','w')"}}, "builtins.exec"),
    "by way of our imports": (
        {"data": {"_target_": "recipelab.data.cache.os.mkdir", "path": CANARY}},
        "recipelab.data",
    ),
    "by way of torch's imports": ({"model": {"_target_": "torch.os.mkdir", "path": CANARY}}, "torch.os"),
    "by way of a class": ({"data": {"_target_": "recipelab.data.imagefolder.Path.mkdir"}}, "recipelab.data"),
    "a private name": ({"model": {"_target_": "torch._C._load_for_lite_interpreter"}}, "may name what"),
    "a private name of ours": (
        {"data": {"_target_": "recipelab.data.cache._write_array", "path": CANARY}},
        "may name what recipelab.data has",
    ),
    "a writer of ours": ({"logger": {"_target_": "recipelab.core.atomic.write_text"}}, "may name what recipelab.logg"),
    "a run of ours": (
        {"logger": {"_target_": "recipelab.commands.train.train"}},
        "may name what recipelab.loggers has",
    ),
    "a slot of another room": (
        {"model": {"_target_": "recipelab.data.digits.Digits"}},
        "may name what recipelab.model",
    ),
    "_partial_": ({"model": {**MODEL, "_partial_": True}}, "holds no model._partial_"),
    "_partial_ below": ({"model": {**MODEL, "a": {"b": {"_partial_": True}}}}, "holds no model.a.b._partial_"),
    "_args_": ({"model": {**MODEL, "_args_": ["x"]}}, "holds no model._args_"),
    "_args_ in a list": ({"model": {**MODEL, "a": [{"_args_": ["x"]}]}}, "holds no model.a._args_"),
    "_recursive_": ({"model": {**MODEL, "_recursive_": False}}, "holds no model._recursive_"),
    "a target below": (
        {"model": {**MODEL, "initialization": {"_target_": "os.mkdir", "path": CANARY}}},
        "model.initialization=",
    ),
    "hydra": ({"hydra": {"run": {"dir": CANARY}}}, "holds no hydra"),
    "hydra below": ({"model": {**MODEL, "hydra": {"x": 1}}}, "holds no model.hydra"),
    "defaults": ({"defaults": ["model: resnet20"]}, "holds no defaults"),
    "an environment variable": ({"output": "${oc.env:HOME}"}, "holds no interpolation"),
    "a resolver in a list": ({"data": {**FOLDER, "class_names": ["${oc.env:PATH}"]}}, "holds no interpolation"),
    "output elsewhere": (
        {"output": "/tmp/elsewhere"},
        "output=/tmp/elsewhere: a recipe from a file or record names no",
    ),
    "output above": ({"output": "outputs/../../elsewhere"}, "names no place to write to outside this folder"),
    "output at home": ({"output": "~/elsewhere"}, "names no place to write to outside this folder"),
    "output on another drive": ({"output": "C:\\elsewhere"}, "names no place to write to outside this folder"),
    "a cache elsewhere": ({"data": {**FOLDER, "cache": "/tmp/elsewhere"}}, "data.cache=/tmp/elsewhere"),
    "a cache above": ({"data": {**FOLDER, "cache": "../elsewhere"}}, "data.cache=../elsewhere"),
    "a download elsewhere": (
        {"data": {"_target_": "recipelab.data.cifar.CIFAR10", "root": "../elsewhere", "download": True}},
        "data.root=../elsewhere",
    ),
    "weights from an address": ({"trainer": {"init_from": "https://example.org/x.pt"}}, "holds no address"),
    "weights from a share": ({"trainer": {"init_from": "\\\\example.org\\x.pt"}}, "holds no address"),
    "data from a share": ({"data": {**FOLDER, "root": "//example.org/photos"}}, "holds no address"),
    "a model of a hub": ({"model": {"_target_": "timm.create_model", "model_name": "hf-hub:a/b"}}, "holds no address"),
    "a file as weights": ({"trainer": {"init_from": "/etc/passwd"}}, "a run record is a folder"),
    "a record to go on with": ({"trainer": {"resume": "/etc"}}, "the command names the record to go on with"),
    "anchors": ("a: &a [1]\nb: [*a, *a]", "holds no yaml anchors"),
    "a laugh of a billion": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{i + 1}: &a{i + 1} {{<<: [{', '.join([f'*a{i}'] * 9)}]}}\n" for i in range(9)),
        "holds no yaml anchors",
    ),
    "nested without end": ("[" * 5000, "nested more than"),
    "mappings nested without end": ("a: " + "{a: " * 5000 + "1" + "}" * 5000, "nested more than"),
    "python's yaml": (f"!!python/object/apply:os.mkdir ['{CANARY}']", "cannot be read as yaml"),
    "a module in yaml": (f"model: !!python/object/new:os.mkdir ['{CANARY}']", "cannot be read as yaml"),
    "bytes": ("model: !!binary aGk=", "is a bytes"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_recipes(case: str, record: Path, capsys: Capture) -> None:
    """From a file, and from a record: both are somebody's."""
    change, message = RECIPES[case]
    sound = yaml.safe_load((record / "config.yaml").read_text())
    sound["output"] = "outputs"
    text = change if isinstance(change, str) else yaml.safe_dump({**sound, **change})
    Path("recipe.yaml").write_text(text)
    (record / "config.yaml").write_text(text)
    assert message in refused(["train", "--config", "recipe.yaml"], capsys)
    assert message in refused(["train", "--config", "record"], capsys)


def test_the_same_recipe_is_trained_when_nothing_is_wrong_with_it(record: Path) -> None:
    sound = yaml.safe_load((record / "config.yaml").read_text())
    Path("recipe.yaml").write_text(yaml.safe_dump({**sound, "output": "outputs"}))
    assert main(["train", "--config", "recipe.yaml", "--quiet"]) == 0
    assert len(list(Path("outputs").iterdir())) == 1


def test_what_the_command_names_itself_is_trusted(record: Path, tmp_path: Path) -> None:
    sound = yaml.safe_load((record / "config.yaml").read_text())
    Path("recipe.yaml").write_text(yaml.safe_dump({**sound, "output": "../elsewhere"}))
    assert main(["train", "--config", "recipe.yaml", f"output={tmp_path / 'named'}", "--quiet"]) == 0
    assert len(list((tmp_path / "named").iterdir())) == 1


def test_a_recipe_in_a_pipe_is_not_waited_for(record: Path, capsys: Capture) -> None:
    os.mkfifo("recipe.yaml")
    assert main(["train", "--config", "recipe.yaml"]) == 2
    assert "it is no file" in capsys.readouterr().err


# Caches and folders of images


def photos() -> None:
    for label in ("cat", "dog"):
        Path("photos", label).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), number * 20).save(f"photos/{label}/{number}.png")


@pytest.mark.parametrize("file", ["train-images.npy", "train-targets.npy", "train-names.json", "index.json"])
def test_a_cache_is_never_unpickled(file: str, record: Path, capsys: Capture) -> None:
    photos()
    words = ["train", *RECIPE, "data=imagefolder", "data.root=photos", "trainer.steps=1", "data.limit=24"]
    assert main(words) == 0
    (entry,) = Path("cache/recipelab").iterdir()
    data = pickle.dumps(Payload())
    if file.endswith(".npy"):
        np.save(entry / file, np.array([Payload()], dtype=object), allow_pickle=True)
    else:
        (entry / file).write_bytes(data)
    index = json.loads((entry / "index.json").read_text()) if file != "index.json" else None
    if index:  # whoever can change a file can change its size in the index
        index["files"][file] = {"bytes": (entry / file).stat().st_size}
        (entry / "index.json").write_text(json.dumps(index))
    capsys.readouterr()
    assert main(words) == 0
    assert "decoding again" in capsys.readouterr().out
    assert not Path(CANARY).exists(), "executed!"


def test_pickled_batches_are_not_read_unless_they_are_the_published_ones(record: Path, capsys: Capture) -> None:
    Path("data/cifar-10-batches-py").mkdir(parents=True)
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        Path("data/cifar-10-batches-py", name).write_bytes(pickle.dumps(Payload()))
    Path("data/cifar-10-batches-py/batches.meta").write_bytes(pickle.dumps(Payload()))
    words = ["train", "data=cifar10", "data.download=false", "model=resnet20", "trainer.steps=1"]
    assert "does not match its checksum" in refused(words, capsys)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/dev/zero", "it is empty"),
        ("/etc/passwd", "not an image"),
        ("pipe", "it is empty"),
        ("itself.png", "symbolic"),
    ],
)
def test_links_in_a_folder_of_images(target: str, message: str, record: Path, capsys: Capture) -> None:
    photos()
    os.mkfifo("photos/cat/pipe")
    Path("photos/cat/itself.png").symlink_to(target)
    assert message in refused(["train", *RECIPE, "data=imagefolder", "data.root=photos", "data.image_size=8"], capsys)


def test_a_folder_that_links_to_itself_is_walked_once(record: Path, capsys: Capture) -> None:
    photos()
    Path("photos/cat/loop").symlink_to(Path("photos/cat").absolute())
    assert main(["predict", "record", "photos"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 24
