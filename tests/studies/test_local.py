"""The launcher on this machine."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing import popen_forkserver
from pathlib import Path

import pytest

from recipelab.core.task import Task
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
