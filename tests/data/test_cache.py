import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.data import cache
from recipelab.data.cache import Content, Entry, default_folder, key
from recipelab.data.pool import Pool

KEY = "0123456789abcdef" * 4


def content(test: bool = True, value: int = 7) -> Content:
    images = torch.full((4, 3, 2, 1), value, dtype=torch.uint8)
    train = Pool(images, torch.tensor([0, 0, 1, 1]), ["a/1.png", "a/ü.png", "b/\udcff.png", "b/2.png"])
    other = Pool(images[:2] + 1, torch.tensor([1, 0]), ["t/b/1.png", "t/a/1.png"])
    return Content(train, other if test else None, ["left out 1 file"])


def entry(folder: Path, key: str = KEY, slot: str = "root and options") -> Entry:
    return Entry(folder / "cache", slot, key)


def same(one: Content, two: Content) -> bool:
    pools = zip(one.pools().values(), two.pools().values(), strict=True)
    return one.remarks == two.remarks and all(a.digest() == b.digest() and a.names == b.names for a, b in pools)


@pytest.mark.parametrize("test", [True, False])
def test_what_is_written_is_read(tmp_path: Path, test: bool) -> None:
    assert entry(tmp_path).read(pytest.fail) is None
    entry(tmp_path).write(content(test), pytest.fail)
    found = entry(tmp_path).read(pytest.fail)
    assert found is not None
    assert same(found, content(test))
    assert entry(tmp_path, key="f" * 64).read(pytest.fail) is None


def test_nothing_is_left_beside_the_entry(tmp_path: Path) -> None:
    entry(tmp_path).write(content(), pytest.fail)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [entry(tmp_path).path.name]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("train-images.npy", cut),
        ("test-images.npy", Path.unlink),
        ("train-targets.npy", cut),
        ("train-targets.npy", flip),
        ("train-names.json", flip),
        ("index.json", cut),
        ("index.json", Path.unlink),
        ("index.json", lambda path: path.write_text("[]")),
        ("index.json", lambda path: path.write_text('{"files": {}, "parts": ["test"], "remarks": []}')),
    ],
)
def test_a_damaged_entry_is_said_removed_and_written_anew(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    entry(tmp_path).write(content(), pytest.fail)
    damage(entry(tmp_path).path / name)
    lines: list[str] = []
    assert entry(tmp_path).read(lines.append) is None
    assert len(lines) == 1
    assert "decoding again" in lines[0]
    assert entry(tmp_path).read(pytest.fail) is None
    entry(tmp_path).write(content(value=9), pytest.fail)
    found = entry(tmp_path).read(pytest.fail)
    assert found is not None
    assert same(found, content(value=9))


def test_a_pickle_in_place_of_an_array_is_not_run(tmp_path: Path) -> None:
    import numpy as np

    class Payload:
        def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
            return Path.touch, (tmp_path / "it-ran",)

    entry(tmp_path).write(content(), pytest.fail)
    path = entry(tmp_path).path / "train-images.npy"
    np.save(path, np.array([Payload()], dtype=object), allow_pickle=True)
    index = entry(tmp_path).path / "index.json"
    told = json.loads(index.read_text())
    told["files"][path.name]["bytes"] = path.stat().st_size
    index.write_text(json.dumps(told))
    lines: list[str] = []
    assert entry(tmp_path).read(lines.append) is None
    assert "decoding again" in lines[0]
    assert not (tmp_path / "it-ran").exists()


def test_a_newer_entry_of_the_same_slot_replaces_the_older(tmp_path: Path) -> None:
    entry(tmp_path, key="a" * 64).write(content(), pytest.fail)
    entry(tmp_path, key="b" * 64, slot="another root").write(content(), pytest.fail)
    (tmp_path / "cache" / "somebody-elses").mkdir()
    entry(tmp_path, key="c" * 64).write(content(), pytest.fail)
    assert entry(tmp_path, key="a" * 64).read(pytest.fail) is None
    assert entry(tmp_path, key="b" * 64, slot="another root").read(pytest.fail) is not None
    assert entry(tmp_path, key="c" * 64).read(pytest.fail) is not None
    assert (tmp_path / "cache" / "somebody-elses").is_dir()


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    place = entry(tmp_path)
    old, fresh = (tmp_path / "cache" / f"{place.prefix}.{name}.tmp" for name in ("old", "fresh"))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * cache.ABANDONED,) * 2)
    place.write(content(), pytest.fail)
    assert not old.exists()
    assert fresh.exists()


def test_a_folder_that_cannot_be_written_costs_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    lines: list[str] = []
    entry(tmp_path).write(content(), lines.append)
    assert len(lines) == 1
    assert "are not kept" in lines[0]


def test_a_full_disk_costs_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.atomic, "write_text", fail)
    lines: list[str] = []
    entry(tmp_path).write(content(), lines.append)
    assert "No space left on device" in lines[0]
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_second_of_two_writers_throws_its_own_away(tmp_path: Path) -> None:
    entry(tmp_path).write(content(), pytest.fail)
    entry(tmp_path).write(content(value=9), pytest.fail)
    found = entry(tmp_path).read(pytest.fail)
    assert found is not None
    assert same(found, content())
    assert len(list((tmp_path / "cache").iterdir())) == 1


def writer(folder: Path, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    for _ in range(20):
        place = entry(folder)
        found = place.read(lambda line: None)
        assert found is None or same(found, content())
        place.write(content(), lambda line: os._exit(3))
        shutil.rmtree(place.path, ignore_errors=True)


# From Python 3.12 on, forking a process with threads (torch has them) warns; starting afresh takes seconds.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_processes_at_once_never_read_a_part(tmp_path: Path) -> None:
    """Each reads, writes and removes the same entry, over and over."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=writer, args=(tmp_path, time.time() + 0.1)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_key_follows_every_file_and_option(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("12345")
    names = ["a", "b"]
    keys = [key(tmp_path, names, {"x": 1})]
    assert key(tmp_path, ["b", "a"], {"x": 1}) == keys[0]
    keys += [key(tmp_path, names, {"x": 2}), key(tmp_path, ["a"], {"x": 1})]
    (tmp_path / "a").write_text("123456")
    keys += [key(tmp_path, names, {"x": 1})]
    (tmp_path / "a").write_text("654321")  # the same size
    os.utime(tmp_path / "a", ns=(1, 1))
    keys += [key(tmp_path, names, {"x": 1})]
    status = os.stat(tmp_path / "a")
    time.sleep(0.02)
    (tmp_path / "a").write_text("abcdef")
    os.utime(tmp_path / "a", ns=(status.st_atime_ns, status.st_mtime_ns))  # only the time of the change tells
    keys += [key(tmp_path, names, {"x": 1})]
    (tmp_path / "b").rename(tmp_path / "c")
    keys += [key(tmp_path, ["a", "c"], {"x": 1}), key(tmp_path, names, {"x": 1})]
    assert len(set(keys)) == len(keys)


def test_key_follows_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(tmp_path, [], {})
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert key(tmp_path, [], {}) != before


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_folder() == Path("/elsewhere/recipelab")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path("/home/somebody/.cache/recipelab")


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", fail)
    with pytest.raises(UserError, match="data.cache=none"):
        default_folder()
