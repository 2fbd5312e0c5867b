"""A server that does not answer, groups of a search and of folds, and the notebook from its first cell to its last."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from recipelab import cross_validate, tune
from tiny_recipe import TINY, USER_TREE
from wandb_files import OfflineRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"
KEY = "0123456789abcdef" * 3
OPEN_AND_CLOSE = """
from pathlib import Path
from recipelab.loggers.wandb import WandB
logger = WandB(timeout=3)
print(logger.open(Path("."), {"seed": 1}))
logger.log({"epoch": 1, "step": 1}, 1)
logger.close({"status": "finished"})
"""


@pytest.mark.parametrize("answers", [False, True])
def test_a_server_that_does_not_answer_makes_a_run_offline(answers: bool, tmp_path: Path, monkeypatch):
    """answers: whether it hangs up at once, or says nothing for ever."""
    lines: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                line.close() if answers else lines.append(line)

        threading.Thread(target=serve, daemon=True).start()
        for name in ("CACHE", "CONFIG", "DATA"):
            monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.delenv("WANDB_MODE", raising=False)
        command = [sys.executable, "-c", OPEN_AND_CLOSE]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    for line in lines:
        line.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("W&B: offline: CommError")
    assert KEY not in done.stdout + done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


WORDS = [word for word in TINY if not word.startswith(("logger=", "select="))] + ["logger=wandb", "logger.mode=offline"]


def test_trials_of_a_search_are_in_its_group(tmp_path: Path):
    found = tune(*WORDS, "optimizer.lr=0.05,0.1", "sampler=grid", name="mine", output=str(tmp_path),
                 config_dir=str(USER_TREE), quiet=True)  # fmt: skip
    assert found is not None
    for row in found.rows:
        run = OfflineRun(tmp_path / "mine" / row.record)
        assert (run.run.run_group, run.run.job_type) == ("mine", "trial")
        assert run.config["search"] == {"name": "mine", "trial": row.number}
        assert run.config["optimizer"]["lr"] == row.params["optimizer.lr"]


def test_folds_of_a_cross_validation_are_in_its_group(tmp_path: Path):
    words = [*WORDS, "data.folds=2", "data.fold=all", f"output={tmp_path}"]
    found = cross_validate(*words, config_dir=str(USER_TREE), quiet=True)
    for number, fold in enumerate(found.runs):
        run = OfflineRun(fold.path)
        assert (run.run.run_group, run.run.job_type) == (found.path.name, "fold")
        assert run.config["cross_validation"] == {"name": found.path.name, "fold": number}


def test_the_notebook_runs_in_three_minutes(tmp_path: Path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    began = time.monotonic()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert time.monotonic() - began < 180
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    errors = [output.text for output in shown if output.output_type == "stream" and output.name == "stderr"]
    assert [text for text in errors if "IProgress not found" not in text] == []  # tqdm's word for: no ipywidgets
    assert not [output for output in shown if "\r" in str(output.get("text", ""))]
    html = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert any("test accuracy" in one and "data:image/png" in one for one in html), "the run shows itself"
    assert any("against control" in one for one in html), "the study shows itself"
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    assert (tmp_path / "outputs" / "report" / "report.html").stat().st_size > 100_000
