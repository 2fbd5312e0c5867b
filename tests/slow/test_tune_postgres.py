"""A search on a PostgreSQL server: two processes share it, one is killed, the server stops and comes back."""

from __future__ import annotations

import glob
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from processes import wait_until
from recipelab.tuning.address import POSTGRES, read_address
from recipelab.tuning.book import Book, origin
from recipelab.tuning.storage import GRACE_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PASSWORD = "not-to-be-told"
TRIALS = 8
WORDS = [
    "model=mlp", "trainer.epochs=2", "trainer.threads=1", "logger=none", "result_plot=none",
    "optimizer.lr=log(0.001,1)", f"trials={TRIALS}", "pruner=none",
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """A PostgreSQL server in a folder of its own, run by a user that it does not refuse."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        (folder / "password").write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        self.run("initdb", "-D", folder / "data", "-U", "ann", "-A", "scram-sha-256", "-E", "UTF8",
                 f"--pwfile={folder / 'password'}")  # fmt: skip
        self.start()

    def run(self, program: str, *words: object) -> None:
        command = [str(self.programs / program), *map(str, words)]
        if os.getuid() == 0:
            command = ["su", "postgres", "-s", "/bin/sh", "-c", shlex.join(command)]
        with open(self.folder.parent / f"{self.folder.name}.log", "ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd="/")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.run("pg_ctl", "-D", self.folder / "data", "-o", options, "-w", "-l", self.folder / "log", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://ann:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    found = shutil.which("pg_ctl") or (places[-1] if places else None)
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    try:
        read_address("postgresql://localhost/x")
    except Exception:
        pytest.skip(f"none of {', '.join(POSTGRES)} is installed")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a short path, for its socket, that its user may enter
    made = Server(Path(found).parent, folder)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)
        folder.with_name(f"{folder.name}.log").unlink()


def begin(server: Server, output: Path) -> subprocess.Popen[bytes]:
    words = [*WORDS, "--name=s", f"--storage={server.url()}", f"--output={output}"]
    output.mkdir(exist_ok=True)
    with open(output / "said", "ab") as said:
        command = [sys.executable, "-m", "recipelab", "tune", *words]
        return subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)


def trials(server: Server) -> list[optuna.trial.FrozenTrial]:
    try:
        url = read_address(server.url()).render_as_string(hide_password=False)
        return optuna.load_study(study_name="s", storage=url).get_trials(deepcopy=False)
    except KeyError:  # it is being made
        return []


def running(server: Server) -> set[str]:
    """The process numbers of those that have a trial."""
    time.sleep(0.5)  # it is asked again and again
    workers = [t.user_attrs.get("worker", "") for t in trials(server) if t.state is TrialState.RUNNING]
    return {worker.split("-")[-2] for worker in workers if worker}


def kill(process: subprocess.Popen[bytes]) -> None:
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(workers, timeout=60)[1], "a training outlived its search"


@pytest.fixture(scope="module")
def outputs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A search of two machines, as far as they can tell: of two folders. One is killed and does not come back; the
    server stops and does; then the other ends what there is to do."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("here", "there")}
    started = [begin(server, folder) for folder in folders.values()]
    try:
        here, there = started
        wait_until(lambda: {str(here.pid), str(there.pid)} <= running(server), 300)
        kill(there)
        wait_until(lambda: str(here.pid) in running(server), 300)
        server.stop()
        assert here.wait(300) == 1
        server.start()
        killed = time.monotonic()
        started.append(begin(server, folders["here"]))
        assert started[-1].wait(900) == 0
        print("from the server's return to the end:", round(time.monotonic() - killed), "s; grace", GRACE_SECONDS, "s")
        yield folders
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_no_trial_is_lost_or_one_too_many(outputs: dict[str, Path], server: Server):
    found = trials(server)
    assert all(trial.state.is_finished() for trial in found)
    assert len({origin(trial) for trial in found}) == TRIALS
    ends = [trial for trial in found if trial.state is TrialState.COMPLETE]
    assert sorted(origin(trial) for trial in ends) == sorted({origin(trial) for trial in found})
    assert len(found) >= TRIALS + 2, "the killed one's and the one of the stopped server were repeated"


def test_a_server_that_stops_is_told_and_leaves_a_checkpoint(outputs: dict[str, Path]):
    said = (outputs["here"] / "said").read_text()
    assert "the storage of the search does not answer" in said
    assert "the same command goes on" in said
    assert "Traceback" not in said


def test_the_password_is_told_nowhere(outputs: dict[str, Path]):
    files = [path for folder in outputs.values() for path in folder.rglob("*") if path.is_file()]
    assert any(b"ann:***@" in path.read_bytes() for path in files)
    for path in files:
        assert PASSWORD.encode() not in path.read_bytes(), path


def test_the_dashboard_opens_it(outputs: dict[str, Path], server: Server):
    pytest.importorskip("optuna_dashboard")
    port = free_port()
    url = read_address(server.url()).render_as_string(hide_password=False)
    command = [str(Path(sys.executable).with_name("optuna-dashboard")), "--port", str(port), url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answer() -> bytes:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=10) as response:
                return bytes(response.read())
        except OSError:
            return b""

    try:
        wait_until(answer, 60)
        assert re.search(rb'"study_name": ?"s"', answer())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_many_that_come_to_a_new_database_at_once_all_open_it(server: Server, tmp_path: Path):
    """Optuna makes its tables in several steps, which others may be in the middle of."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(read_address(server.url()), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE fresh"))
    engine.dispose()
    url = server.url("fresh")
    with ThreadPoolExecutor(8) as pool:
        make = [pool.submit(Book, tmp_path, url, "s", directions=["maximize"], limit=1) for _ in range(8)]
        assert len({one.result().study._study_id for one in make}) == 1
