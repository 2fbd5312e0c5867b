"""environment.json: complete, plain, and without anything private."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess

import pytest
import torch

from recipelab.records import environment


def git(*arguments):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "first")
    return tmp_path


def test_what_it_holds():
    found = environment.describe()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"] == torch.__version__.split("+")[0]
    assert all(found["packages"].values()), "every one of them is a dependency"
    assert 1 <= found["cpu"]["cores_available"] <= found["cpu"]["cores"]
    assert found["cpu"]["model"]
    assert found["memory_mb"] > 100
    assert len(found["torch"]["gpus"]) == torch.cuda.device_count()


def test_nothing_private(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2hunter2")
    text = json.dumps(environment.describe())
    assert "hunter2" not in text
    assert os.getcwd() not in text
    assert socket.gethostname() not in text or len(socket.gethostname()) < 4
    assert f'"{getpass.getuser()}"' not in text


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package-here",))
    assert environment.describe()["packages"] == {"no-such-package-here": None}


def test_commit_and_changes(repository):
    commit = git("rev-parse", "HEAD")
    assert environment.describe()["git"] == {"commit": commit, "dirty": False}
    (repository / "untracked").touch()
    assert environment.describe()["git"]["dirty"] is False
    (repository / "file").write_text("2")
    assert environment.describe()["git"] == {"commit": commit, "dirty": True}


def test_a_repository_runs_no_program_of_its_own(repository):
    (repository / "monitor").write_text("#!/bin/sh\ntouch was-run\n")
    (repository / "monitor").chmod(0o755)
    git("config", "core.fsmonitor", str(repository / "monitor"))
    assert environment.describe()["git"]["dirty"] is False
    assert not (repository / "was-run").exists()


def test_no_repository_and_no_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment.describe()["git"] is None
    monkeypatch.setenv("PATH", "")
    assert environment.describe()["git"] is None
