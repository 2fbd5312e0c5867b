"""The README does what it says: every command in it is run, every piece of code is the file it shows."""

from __future__ import annotations

import glob
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file

from recipelab.cli import main

ROOT = Path(__file__).parent.parent
# Two threads wait for each other: where something else keeps a core busy, one is many times faster.
ONE_THREAD = "trainer.threads=1"

Capture = pytest.CaptureFixture[str]
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*?) -->\n)?```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<body>.*?)```", re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block. note: the comment above it, which says how it is tested."""

    note: str
    kind: str
    file: str
    body: str

    def directive(self, name: str) -> str | None:
        """What stands after `name:` in the note, or None."""
        found = re.fullmatch(rf"{name}: (.*)", self.note)
        return found[1] if found else None


def blocks(*kinds: str) -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [Block(*(match[name] or "" for name in ("note", "kind", "file", "body"))) for match in FENCE.finditer(text)]
    assert len(found) == text.count("```") // 2, "a block that the pattern does not see would not be tested"
    return [block for block in found if block.kind in kinds]


def commands(block: Block) -> list[list[str]]:
    lines = [shlex.split(line, comments=True) for line in block.body.splitlines()]
    return [line for line in lines if line]


def is_not_run(block: Block) -> bool:
    return block.directive("not run") is not None


def name_of(block: Block) -> str:
    return block.body.splitlines()[0][:40]


RUN = [block for block in blocks("sh") if not is_not_run(block)]
CHECKED = [block for block in blocks("sh") if is_not_run(block) and commands(block)[0][0] == "recipelab"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with what a reader has: the examples, and some photos of their own."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    noise = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(20):
            pixels = noise.integers(0, 256, (24, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("block", RUN, ids=name_of)
def test_every_command_runs(block: Block, place: Path) -> None:
    extra = shlex.split(block.directive("tested with") or "")
    before = shlex.split(block.directive("tested after") or "")
    assert not before or _exit_code(before[1:]) == 0
    expected = int(block.directive("exits with") or 0)
    for program, *arguments in commands(block):
        assert program == "recipelab", "another program's block is marked `not run`, with the reason"
        if arguments[0] == "train" and "--cfg" not in arguments:
            arguments += [*extra, ONE_THREAD]
        arguments = [path for word in arguments for path in sorted(glob.glob(word)) or [word]]  # as a shell does
        assert _exit_code(arguments) == expected, " ".join(arguments)
    assert expected == 0 or not (place / "outputs").exists(), "a refused recipe leaves nothing behind"


@pytest.mark.parametrize("block", CHECKED, ids=name_of)
def test_what_is_not_run_is_at_least_a_right_recipe(block: Block, place: Path) -> None:
    for program, command, *arguments in commands(block):
        if program != "recipelab":
            continue
        assert command == "train"
        if "model.weights=FILE" in arguments:  # any file of the network's own will do
            save_file(timm.create_model("convnext_atto").state_dict(), "FILE.safetensors")
            arguments = [word.replace("=FILE", "=FILE.safetensors") for word in arguments]
        assert _exit_code(["check", *arguments]) == 0


def _exit_code(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as done:  # --help, and what argparse refuses
        return int(done.code or 0)


def shown_outputs() -> list[tuple[Block, Block]]:
    """Blocks of commands with the block of output below each."""
    both = blocks("sh", "text")
    pairs = [(command, shown) for command, shown in zip(both, both[1:], strict=False) if shown.kind == "text"]
    assert len(pairs) >= 2
    return pairs


def test_a_message_shown_is_the_message_printed(place: Path, capsys: Capture) -> None:
    refused = [(command, shown) for command, shown in shown_outputs() if command.directive("exits with")]
    assert refused
    for command, shown in refused:
        main(commands(command)[0][1:])
        assert capsys.readouterr().err == shown.body


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_output_shown_is_the_output_printed(place: Path, capsys: Capture) -> None:
    """But for numbers that another machine has of its own: every line shown has its like, in that order."""
    example, shown = next(pair for pair in shown_outputs() if not pair[0].directive("exits with"))
    for _, *arguments in commands(example):
        assert main([*arguments, ONE_THREAD] if arguments[0] == "train" else arguments) == 0
    printed = iter([_shape(line) for line in capsys.readouterr().out.splitlines()])
    for line in shown.body.splitlines():
        assert line == "..." or _shape(line) in printed, f"no longer printed like this: {line}"


def _shape(line: str) -> str:
    """A line without what depends on machine, time and rounding: numbers with a fraction, speeds, names of records."""
    line = re.sub(r"^execution: .*", "execution:", line)
    line = re.sub(r"\d{8}-\d{6}|\d{4}-\d\d-\d\d \d\d:\d\d", "<time>", line)
    line = re.sub(r"[\d,]+ img/s|\d+\.\d+%?|\d+(\.\d+)?e-\d+", "<number>", line)
    return re.sub(r"[ ─━]+", " ", line).strip()


def test_the_python_runs(place: Path) -> None:
    found = [block for block in blocks("python") if not block.file]
    assert found
    for block in found:
        exec(compile(block.body, "README.md", "exec"), {})


def test_files_are_shown_as_they_are() -> None:
    found = [block for block in blocks("python", "yaml") if block.file]
    assert {Path(block.file).suffix for block in found} == {".py", ".yaml"}
    for block in found:
        assert block.body == (ROOT / block.file).read_text(encoding="utf-8"), block.file


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
