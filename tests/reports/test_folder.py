"""A report's folder: what an earlier report wrote goes, what anybody else put there stays, whenever one is killed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from recipelab.reports.folder import LIST, exactly, listed

OLD = ("report.html", "figures/a.png", "figures/both.png")
NEW = ("figures/c.png", "report.html", "figures/both.png", "tables/new.csv")


def fill(folder: Path, names: Iterable[str], text: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def held(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != LIST]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder with a report, and a file that somebody put there under a name that the next report takes."""
    with exactly(tmp_path, OLD):
        fill(tmp_path, OLD, "old")
    fill(tmp_path, ["tables/new.csv", "figures/theirs.png", "notes.txt"], "theirs")
    return tmp_path


def test_what_is_not_written_any_more_is_removed(earlier: Path) -> None:
    with exactly(earlier, NEW):
        fill(earlier, NEW, "new")
    assert held(earlier) == dict.fromkeys(NEW, "new") | dict.fromkeys(["figures/theirs.png", "notes.txt"], "theirs")
    assert listed(earlier) == set(NEW)


@pytest.mark.parametrize("count", range(len(NEW) + 1))
def test_what_stops_in_the_middle_removes_nothing_and_the_next_one_does(earlier: Path, count: int) -> None:
    before = held(earlier)

    def killed() -> None:
        with exactly(earlier, NEW):
            fill(earlier, NEW[:count], "half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert held(earlier) == before | dict.fromkeys(NEW[:count], "half")
    with exactly(earlier, ["report.html"]):
        fill(earlier, ["report.html"], "last")
    theirs = {"tables/new.csv", "figures/theirs.png", "notes.txt"}
    assert set(held(earlier)) == {"report.html", *theirs}, "what was half replaced may have been theirs"


def test_a_list_names_only_what_a_report_writes(earlier: Path) -> None:
    others = ("../outside.png", "figures/../../outside.png", "/etc/x.csv", "notes.txt", "figures/sub/a.png", "")
    fill(earlier.parent, ["outside.png"], "theirs")
    (earlier / LIST).write_text("\n".join([*others, "figures/a.png"]))
    with exactly(earlier, NEW):
        fill(earlier, NEW, "new")
    assert (earlier.parent / "outside.png").read_text() == (earlier / "notes.txt").read_text() == "theirs"
    assert not (earlier / "figures/a.png").exists()
    (earlier / LIST).write_bytes(b"\xff\xfe")
    assert listed(earlier) == set()


def test_nothing_is_removed_through_a_link_to_another_folder(earlier: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (earlier / "figures").rename(elsewhere / "figures")
    (earlier / "figures").symlink_to(elsewhere / "figures")
    with exactly(earlier, ["report.html"]):
        fill(earlier, ["report.html"], "new")
    assert (elsewhere / "figures" / "a.png").read_text() == "old"
