"""The repository itself: what is committed, packaged, pinned and written about the code."""

from __future__ import annotations

import importlib.resources
import importlib.util
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import recipelab

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "recipelab"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Rooms whose tests stand elsewhere, and where.
TESTED_ELSEWHERE: dict[str, str] = {}


def texts(*folders: str) -> Iterator[tuple[Path, str]]:
    """Every text file below folders of the repository, and its top-level documents."""
    files = [file for file in ROOT.iterdir() if file.suffix in (".md", ".toml", ".txt") or file.name == "Makefile"]
    for folder in folders:
        files += [f for f in (ROOT / folder).rglob("*") if f.is_file() and f.suffix not in (".png", ".bin", ".pyc")]
    for file in files:
        yield file, file.read_text(encoding="utf-8")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s;<>=!~\[]", name.strip(), maxsplit=1)[0]).lower()


def direct_dependencies() -> set[str]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    return {normalised(name) for group in [project["dependencies"], *extras] for name in group}


def pins() -> dict[str, list[str]]:
    """Package -> its pinned lines (several where versions differ by Python)."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            found.setdefault(normalised(line), []).append(line)
    return found


def test_no_file_of_requirements_holds_an_address() -> None:
    patterns = ("*requirements*.txt", "*constraints*.txt", "*.lock", "pylock*.toml", "Makefile", ".ci/run")
    files = [file for pattern in patterns for file in ROOT.glob(pattern)]
    assert ROOT / "constraints.txt" in files
    assert [file.name for file in files if "://" in file.read_text(encoding="utf-8")] == []


def test_every_direct_dependency_is_pinned() -> None:
    assert direct_dependencies() - set(pins()) == set()


def test_every_pin_is_one_exact_version() -> None:
    wrong = [line for lines in pins().values() for line in lines if not re.match(r"[\w.-]+==[\w.]+( ;|$)", line)]
    assert wrong == []


def test_the_yaml_tree_is_part_of_the_package() -> None:
    tree = importlib.resources.files("recipelab") / "conf"
    assert (tree / "train.yaml").is_file()
    assert (tree / "model" / "resnet20.yaml").is_file()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/recipelab"]


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="not a git checkout")
def test_no_file_of_the_package_is_ignored() -> None:
    """The build leaves out what git ignores."""
    files = [str(f.relative_to(ROOT)) for f in PACKAGE.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    command = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    found = subprocess.run(command, input="\n".join(files), capture_output=True, text=True, check=False)
    assert found.stdout == ""


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("conf/**/*.yaml")), ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_every_yaml_says_what_it_is(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines[:2] if line.startswith("# ") and not line.startswith("# @")]
    assert comments, "the first line is a comment: what it is, and its source"
    yaml.safe_load("\n".join(lines))


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_help_lists_the_targets() -> None:
    told = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make (\w+) +\S", told, re.MULTILINE)
    assert set(listed) >= {"help", "demo", "test", "check", "bench", "slow"}
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert sorted(listed) == sorted(phony[1].split())


def test_ci_calls_targets_that_a_person_types() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, "executable"
    assert "make check test" in script.read_text(encoding="utf-8").splitlines()


def test_nothing_names_a_folder_of_one_machine() -> None:
    somewhere = re.compile(r"(?<![\w.$])/(?:work|root|farm|home/\w+|tmp/lab|Users/\w+)/")
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file, text in texts("src", "docs", "examples", "benchmarks", ".ci")
        for match in somewhere.finditer(text)
    ]
    assert found == []


def test_the_changelog_begins_with_this_version() -> None:
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading is not None
    assert heading[1].rstrip(",") == recipelab.__version__ == PROJECT["project"]["version"]


def test_every_room_has_tests() -> None:
    rooms = [
        p.parent for p in PACKAGE.glob("*/__init__.py") if any(f.name != "__init__.py" for f in p.parent.glob("*.py"))
    ]
    assert len(rooms) > 10
    without = {room.name for room in rooms if not list((ROOT / "tests" / room.name).glob("test_*.py"))}
    assert without == set(TESTED_ELSEWHERE)
    assert [place for place in TESTED_ELSEWHERE.values() if not (ROOT / place).exists()] == []


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_of_the_docs_are_fresh() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text.count("<!-- generated: ") == text.count("<!-- end -->") == 3
    assert generate().filled(text) == text, "stale: run `make fix`"


@pytest.mark.parametrize("file", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda f: f.name)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (file.parent / link).exists()] == []
