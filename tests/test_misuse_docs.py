"""docs/misuse.md is true: what each row does is done, its command is run, and its words are what is said."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipelab import train
from recipelab.cli import main
from tiny_recipe import TINY

DOCUMENT = Path(__file__).parent.parent / "docs" / "misuse.md"
ROW = re.compile(r"^\| (?P<what>[^|]+?) \| `(?P<command>[^`]+)` \| (?P<said>.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    what: str
    command: list[str]
    said: list[str]


def cases(text: str) -> list[Case]:
    return [Case(row["what"], shlex.split(row["command"]), row["said"].split(" ... ")) for row in ROW.finditer(text)]


REFUSED, FINE = (cases(part) for part in DOCUMENT.read_text(encoding="utf-8").split("## What is not wrong"))
PHOTO = Path("photos/cat/0.png")


def only(*labels: str) -> None:
    for folder in Path("photos").iterdir():
        if folder.name not in labels:
            shutil.rmtree(folder)


def keep(label: str, count: int) -> None:
    for file in sorted(Path("photos", label).iterdir())[count:]:
        file.unlink()


def parts(names: dict[str, list[str]]) -> None:
    """photos/ as parts: part -> the names of its class folders."""
    source = Path("photos").rename("source")
    for part, labels in names.items():
        for label in labels:
            shutil.copytree(source / "cat", f"photos/{part}/{label}")
    shutil.rmtree(source)


def weights(change: Callable[[dict[str, Any]], None], name: str = "last") -> None:
    path = Path(f"run/checkpoints/{name}.pt")
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def narrower(content: dict[str, Any]) -> None:
    content["model"] = {key: value[:1] if value.dim() else value for key, value in content["model"].items()}


def frames() -> None:
    first, second = Image.new("L", (8, 8), 10), Image.new("L", (8, 8), 200)
    first.save("photos/cat/0.gif", save_all=True, append_images=[second])


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def save(image: Image.Image, path: Path = PHOTO) -> None:
    image.save(path)


def newer() -> None:
    path = Path("run/result.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))


def noise(size: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))


def arrays(**changed: Any) -> None:
    """arrays.npz: 20 grey images of two classes, less or other than they should be."""
    images, targets = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    np.savez(
        "arrays.npz", **{k: v for k, v in {"images": images, "targets": targets, **changed}.items() if v is not None}
    )


def but(values: Any, row: int, value: Any) -> Any:
    values[row] = value
    return values


def table(*lines: str) -> None:
    Path("table.csv").write_text("\n".join(["path,age", *lines]))


def twins() -> None:
    """train/ and test/, of other pixels but for two images."""
    parts({"train": ["cat", "dog"], "test": ["cat", "dog"]})
    for number, path in enumerate(sorted(Path("photos").rglob("*.png"))):
        save(Image.new("L", (8, 8), 5 * number), path)
    for number in (0, 1):
        shutil.copy(f"photos/train/dog/{number + 1}.png", f"photos/test/dog/{number}.png")


# What is done, where more is done than typing the command.
DONE: dict[str, Callable[[], object]] = {
    "an empty folder": lambda: only(),
    "one class": lambda: only("cat"),
    "a class without images": lambda: keep("dog", 0),
    "one image in a class": lambda: keep("dog", 1),
    "an image of text": lambda: PHOTO.write_text("not an image"),
    "an empty image file": lambda: PHOTO.write_bytes(b""),
    "a truncated image": lambda: (save(noise(8)), cut(PHOTO, 0.7)),
    "an image made to fill the memory": lambda: save(Image.new("1", (20_000, 20_000))),
    "pixels of unknown range": lambda: save(Image.new("F", (8, 8), 0.5), Path("photos/cat/0.tif")),
    "a broken link": lambda: Path("photos/cat/link.png").symlink_to("nowhere.png"),
    "images of several sizes": lambda: save(noise(9)),
    "classes that differ between train and test": lambda: parts({"train": ["cat", "dog"], "test": ["cat", "bird"]}),
    "parts by another name": lambda: parts({"training": ["cat", "dog"], "other": ["cat"]}),
    "arrays without targets": lambda: arrays(targets=None),
    "fewer targets than images": lambda: arrays(targets=np.zeros(19, int)),
    "arrays of the wrong shape": lambda: arrays(images=np.zeros(20, np.uint8)),
    "labels out of range": lambda: arrays(targets=but(np.arange(20) % 2, 5, 7)),
    "a negative label": lambda: arrays(targets=but(np.arange(20) % 2, 5, -1)),
    "one-hot targets": lambda: arrays(targets=np.eye(2, dtype=int)[np.arange(20) % 2]),
    "targets that are NaN": lambda: arrays(targets=but(np.linspace(0, 1, 20), 3, np.nan)),
    "pixels that are NaN": lambda: arrays(images=but(np.zeros((20, 8, 8)), 3, np.nan)),
    "fractions as classes": lambda: arrays(targets=np.linspace(0, 1, 20)),
    "an array of objects": lambda: arrays(targets=np.array([Path()] * 20, dtype=object)),
    "a column that is not there": lambda: table("cat/0.png,1.5"),
    "a row with a cell too few": lambda: table("cat/0.png,1.5", "cat/1.png"),
    "a number that is none": lambda: table("cat/0.png,1.5", "cat/1.png,unknown"),
    "the same image in train and test, counted in a warning": twins,
    "a folder of runs": lambda: shutil.copytree("run", "outputs/run"),
    "a run of a newer version": newer,
    "a run that another process writes": lambda: Path("run/lock").write_text("{}"),
    "a checkpoint that was cut": lambda: cut(Path("run/checkpoints/last.pt"), 0.5),
    "a checkpoint of another model": lambda: weights(narrower),
    "a checkpoint that holds an object": lambda: weights(lambda content: content.update(extra=Path())),
    "a folder without images": lambda: Path("empty").mkdir(),
    "hidden files and folders": lambda: (
        Path("photos/.hidden").mkdir(),
        Path("photos/.hidden/a.png").write_text("no image"),
        Path("photos/cat/._0.png").write_text("no image"),
    ),
    "a folder that links to itself": lambda: Path("photos/cat/loop").symlink_to("."),
    "a CMYK image, as RGB": lambda: save(Image.new("CMYK", (8, 8)), Path("photos/cat/0.tif")),
    "several frames, of which the first counts": frames,
    "a transparent image, on white": lambda: save(Image.new("RGBA", (8, 8))),
    "an image of 16 bits, by its high byte": lambda: Image.fromarray(np.full((8, 8), 300, np.uint16)).save(PHOTO),
    "images that cannot be read, left out on request": lambda: Path("photos/cat/1.png").write_text("not an image"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ("model=resnet20", *(word for word in TINY if word not in ("model=tiny", "select=best")), "trainer.steps=2")
    return train(*words, f"output={tmp_path_factory.mktemp('run')}", quiet=True).path


@pytest.fixture
def place(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos` and `run`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}_cache")))
    shutil.copytree(run, "run")
    for label, grey in (("cat", 40), ("dog", 140)):
        Path("photos", label).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (8, 8), (grey + number,) * 3).save(f"photos/{label}/{number}.png")
    return tmp_path


def state() -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(Path().rglob("*"))}


def expect(said: list[str], text: str) -> None:
    rest = text
    for fragment in said:
        assert fragment in rest, text
        rest = rest[rest.index(fragment) + len(fragment) :]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.what)
def test_refused(case: Case, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    DONE.get(case.what, lambda: None)()
    before = state()
    assert main(case.command) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    expect(case.said, said)
    assert state() == before


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.what)
def test_fine(case: Case, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    DONE[case.what]()
    assert main(case.command) == 0
    out, err = capsys.readouterr()
    expect(case.said, out)
    assert err == ""


def test_the_document_has_every_case_and_each_once() -> None:
    names = [case.what for case in (*REFUSED, *FINE)]
    assert len(REFUSED) >= 40
    assert len(set(names)) == len(names)
    assert set(DONE) <= set(names)
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) == len(names) + 5, "a row that the pattern does not see would not be tested"
