"""One process owns a record: exclusion, staleness, takeover by several at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipelab.core.errors import UserError
from recipelab.records import lock as lock_module
from recipelab.records.lock import Lock, live_holder

HOLD = """
import sys, time
from pathlib import Path
from recipelab.records.lock import Lock
lock = Lock(Path(sys.argv[1])); lock.acquire(); print("held", flush=True)
sys.stdin.read()
"""

RACE = """
import sys, time
from pathlib import Path
from recipelab.core.errors import UserError
from recipelab.records.lock import Lock
root, me, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(rounds):
    folder = root / str(number)
    while not (folder / "go").exists():
        pass
    lock = Lock(folder)
    try:
        lock.acquire()
        said = "won"
    except UserError:
        said = "refused"
    (folder / f"said-{me}").write_text(said)
    while not (folder / "end").exists():
        time.sleep(0.001)
    lock.release()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that owns tmp_path until its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def write_lock(folder: Path, name: str = "lock", age: float = 0.0, **changes) -> Path:
    """A lock file as another process would leave it; age: seconds since its last heartbeat."""
    me = lock_module._me()
    value = {"pid": me.pid, "host": me.host, "place": me.place, "born": me.born, "since": me.since, **changes}
    (folder / name).write_text(json.dumps(value))
    os.utime(folder / name, (time.time() - age, time.time() - age))
    return folder / name


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_live_owner_is_named(tmp_path, holder):
    with pytest.raises(UserError, match=rf"in use by process {holder.pid} on {os.uname().nodename} since 20"):
        Lock(tmp_path).acquire()
    assert live_holder(tmp_path).pid == holder.pid
    assert [path.name for path in tmp_path.iterdir()] == ["lock"], "a refused taker leaves nothing"


def test_released_at_the_end_of_the_process(tmp_path, holder):
    holder.communicate(timeout=10)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owner_is_taken_over_even_as_a_zombie(tmp_path, holder):
    holder.kill()
    wait_for(lambda: live_holder(tmp_path) is None)  # not waited for: the parent may be busy for hours
    lock = Lock(tmp_path)
    lock.acquire()
    assert [path.name for path in tmp_path.iterdir()] == ["lock-2"]
    assert live_holder(tmp_path).pid == os.getpid()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_second_lock_in_this_process_is_refused(tmp_path):
    first = Lock(tmp_path)
    first.acquire()
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        Lock(tmp_path).acquire()
    first.release()


def test_a_reused_process_number_is_not_the_owner(tmp_path):
    write_lock(tmp_path, born=lock_module._me().born - 1000)
    assert live_holder(tmp_path) is None


@pytest.mark.parametrize("pid", [-1, 2**70])
def test_an_impossible_process_number_is_stale(tmp_path, pid):
    write_lock(tmp_path, pid=pid)
    assert live_holder(tmp_path) is None


@pytest.mark.parametrize(("age", "alive"), [(0, True), (55, True), (65, False)])
def test_an_owner_elsewhere_is_judged_by_its_heartbeat(tmp_path, age, alive):
    write_lock(tmp_path, place="another machine", host="node7", pid=dead_pid(), age=age)
    assert (live_holder(tmp_path) is not None) == alive
    lock = Lock(tmp_path)
    if alive:
        with pytest.raises(UserError, match="on node7"):
            lock.acquire()
    else:
        lock.acquire()
        lock.release()


@pytest.mark.parametrize(("age", "alive"), [(0, True), (65, False)])
@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_an_unreadable_lock_is_judged_by_its_heartbeat(tmp_path, text, age, alive):
    (tmp_path / "lock").write_text(text)
    os.utime(tmp_path / "lock", (time.time() - age, time.time() - age))
    assert (live_holder(tmp_path) is not None) == alive


def test_hidden_processes_are_judged_by_their_heartbeat(tmp_path, monkeypatch):
    def hidden(pid=None):
        raise lock_module.psutil.AccessDenied(pid)

    path = write_lock(tmp_path)
    monkeypatch.setattr(lock_module.psutil, "Process", hidden)
    assert live_holder(tmp_path) is not None
    os.utime(path, (0, 0))
    assert live_holder(tmp_path) is None


def test_of_several_takers_at_once_one_wins(tmp_path):
    takers, rounds, dead = 4, 25, dead_pid()
    for number in range(rounds):
        (tmp_path / str(number)).mkdir()
        write_lock(tmp_path / str(number), pid=dead)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), str(taker), str(rounds)], stdout=subprocess.PIPE, text=True
        )
        for taker in range(takers)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for number in range(rounds):
            folder = tmp_path / str(number)
            (folder / "go").touch()
            said = [folder / f"said-{taker}" for taker in range(takers)]
            wait_for(lambda said=said: all(path.exists() and path.read_text() for path in said))
            assert sorted(path.read_text() for path in said) == ["refused"] * (takers - 1) + ["won"]
            (folder / "end").touch()
        assert [process.wait(timeout=10) for process in processes] == [0] * takers
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_taker_that_was_overtaken_gives_way(tmp_path, monkeypatch):
    """The second look: between a taker's first look and its own announcement another one announced itself."""
    write_lock(tmp_path, pid=dead_pid())
    create = lock_module._create

    def overtaken(draft, path):
        monkeypatch.setattr(lock_module, "_create", create)
        write_lock(tmp_path, "lock-3", place="another machine", host="node7")
        return create(draft, path)

    monkeypatch.setattr(lock_module, "_create", overtaken)
    with pytest.raises(UserError, match="on node7"):
        Lock(tmp_path).acquire()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "lock-3"]


def test_exclusive_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    lock = Lock(tmp_path)
    lock.acquire()
    assert live_holder(tmp_path).pid == os.getpid()
    assert lock_module._create(tmp_path / "lock", tmp_path / "lock") is False
    lock.release()


def test_the_heartbeat_beats_and_notices_a_takeover(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    lock = Lock(tmp_path)
    lock.acquire()
    os.utime(tmp_path / "lock", (0, 0))
    wait_for(lambda: (tmp_path / "lock").stat().st_mtime > time.time() - 10)
    assert not lock.lost
    (tmp_path / "lock").unlink()
    wait_for(lambda: lock.lost)
    lock.release()


def test_a_forked_child_does_not_release_its_parents_lock(tmp_path, monkeypatch):
    lock = Lock(tmp_path)
    lock.acquire()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: 1)
        lock.release()
    assert (tmp_path / "lock").exists()
    lock.release()
    assert not (tmp_path / "lock").exists()


def test_a_folder_that_cannot_be_written_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="cannot be locked for writing: No such file"):
        Lock(tmp_path / "missing").acquire()
