"""The launcher on this machine."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from multiprocessing import popen_forkserver
from pathlib import Path

import pytest

from recipelab.core.task import Task
from recipelab.studies import preloaded
from recipelab.studies.local import LocalLauncher


def leave(task: Task) -> int:
    Path(task.folder).touch()
    return 3


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize("error", [EOFError, ConnectionResetError])
def test_a_server_that_is_killed_while_it_is_asked_is_replaced(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch, asked = popen_forkserver.Popen._launch, []

    def once_dead(self, process) -> None:
        asked.append(process)
        if len(asked) == 1:
            raise error
        launch(self, process)

    monkeypatch.setattr(popen_forkserver.Popen, "_launch", once_dead)
    launcher = LocalLauncher(leave, 1)
    running = launcher.start(Task("one", "one", str(tmp_path / "done"), (), (), str(tmp_path / "log")))
    while running.poll() is None:
        time.sleep(0.01)
    launcher.close()
    assert running.poll() == 3
    assert (tmp_path / "done").is_file()
    assert len(asked) == 2


SCRIPT = """
import time
from functools import partial
from pathlib import Path
from recipelab.core.task import Task
from recipelab.studies.local import LocalLauncher

print("once", flush=True)
running = LocalLauncher(partial(int), 1, warm=False).start(Task("one", "one", "", (), (), "log"))
while running.poll() is None:
    time.sleep(0.01)
print(Path("log").read_text())
"""


def test_a_script_that_is_not_made_for_processes_is_not_run_again_by_them(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    said = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "int() argument must be" in said.stdout  # the task itself was reached: int(task)
    assert said.stdout.count("once") == 1


def test_what_is_preloaded_is_imported_deaf_to_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    monkeypatch.setattr(
        preloaded.importlib, "import_module", lambda name: heard.append((name, signal.getsignal(signal.SIGINT)))
    )
    before = signal.getsignal(signal.SIGINT)
    preloaded.load()
    assert heard == [(name, signal.SIG_IGN) for name in preloaded.MODULES]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_server_whose_study_has_gone_imports_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    monkeypatch.setattr(preloaded.os, "getppid", lambda: len(imported) // 2)
    monkeypatch.setattr(preloaded.importlib, "import_module", imported.append)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        preloaded.load()
    signal.signal(signal.SIGINT, before)
    assert imported == preloaded.MODULES[:2]
