"""A study on a full disk, and in a folder that may not be written to: what is wrong is said, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recipelab.commands.study import study
from recipelab.core import atomic
from recipelab.core.errors import RunError, UserError
from recipelab.records.listing import list_records

CONTENT = {
    "control": [
        "model=cnn", "model.width=4", "data.limit=200", "trainer.batch_size=32", "trainer.threads=1",
        "trainer.epochs=1", "result_plot=none", "logger=none",
    ],
    "arms": {"faster": ["optimizer.lr=0.2"]},
    "seeds": [1],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    return path


def statuses(folder: Path) -> list[str]:
    return [row["status"] for row in list_records(folder / "two" / "runs")]


def finished(folder: Path) -> dict[Path, int]:
    found = [Path(row["path"]) / "result.json" for row in list_records(folder) if row["status"] == "finished"]
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_where_no_checkpoint_fits_every_training_says_so_and_the_same_command_goes_on(file: Path, tmp_path: Path):
    """No file may grow beyond 12 kB (errno EFBIG): recipes and tables fit, weights do not."""
    command = [sys.executable, "-m", "recipelab", "study", str(file), "--output", str(tmp_path)]
    limit = (12_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    full = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert full.returncode == 1, full.stderr
    assert "2 trainings failed; the rest is done" in full.stderr
    assert "no space left to write" in full.stderr
    assert "Traceback" not in full.stderr + full.stdout
    assert set(statuses(tmp_path)) == {"failed"}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert statuses(tmp_path).count("finished") == 2
    assert not [path for path in tmp_path.rglob("*.tmp")]


def broken_disk(code: int, monkeypatch: pytest.MonkeyPatch, folder: Path, *, but: str = "runs") -> None:
    """Nothing of ours can be written below `folder`, but what a training writes into its record."""
    original = atomic.write

    def write(path: Path, fill: object) -> None:
        if folder in Path(path).parents and but not in Path(path).relative_to(folder).parts:
            raise OSError(code, os.strerror(code), str(path))
        original(path, fill)  # type: ignore[arg-type]

    monkeypatch.setattr(atomic, "write", write)


def test_tables_that_do_not_fit_lose_no_training(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study(str(file), output=str(tmp_path), quiet=True)
    before = finished(tmp_path)
    monkeypatch.setattr("recipelab.commands.study._open", lambda *_: None)
    broken_disk(errno.ENOSPC, monkeypatch, tmp_path / "two")
    summary = (tmp_path / "two" / "summary.json").read_bytes()
    with pytest.raises(
        RunError, match=r"No space left on device.*finished is kept\n  mend that, then the same command"
    ):
        study(str(file), output=str(tmp_path), quiet=True)
    assert (tmp_path / "two" / "summary.json").read_bytes() == summary
    assert finished(tmp_path) == before
    monkeypatch.undo()
    study(str(file), output=str(tmp_path), quiet=True)
    assert finished(tmp_path) == before


def test_a_folder_that_may_not_be_written_to_is_refused_before_any_training(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "two").mkdir()
    broken_disk(errno.EROFS, monkeypatch, tmp_path / "two")
    with pytest.raises(UserError, match=r"two could not be written to \(Read-only file system\)"):
        study(str(file), output=str(tmp_path), quiet=True)
    assert list_records(tmp_path) == []
