"""Where a key is looked for, and in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from recipelab.loggers.keys import find_key, read_env_file

KEY = "a" * 40


@pytest.fixture(autouse=True)
def _nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setitem(sys.modules, "kaggle_secrets", None)


def kaggle(monkeypatch: pytest.MonkeyPatch, get_secret: Callable[[object, str], str]) -> None:
    module = ModuleType("kaggle_secrets")
    module.__spec__ = ModuleSpec("kaggle_secrets", None)
    module.UserSecretsClient = type("UserSecretsClient", (), {"get_secret": get_secret})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kaggle_secrets", module)


def test_there_may_be_none():
    assert find_key() is None


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".env").write_text("WANDB_API_KEY=other\n")
    assert find_key() == ("other", ".env")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert find_key() == (KEY, "the environment")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("WANDB_API_KEY=abc", "abc"),
        ("export WANDB_API_KEY = 'a b' # mine", "a b"),
        ('WANDB_API_KEY="abc"', "abc"),
        ("WANDB_API_KEY=abc # mine", "abc"),
        ("# WANDB_API_KEY=abc", None),
        ("WANDB_API_KEY", None),
        ("WANDB_API_KEY='", "'"),
    ],
)
def test_lines_of_an_env_file(line: str, value: str | None, tmp_path: Path):
    (tmp_path / ".env").write_text(f"OTHER=1\n{line}\n")
    assert read_env_file(tmp_path / ".env").get("WANDB_API_KEY") == value


def test_a_secret_of_kaggle(monkeypatch: pytest.MonkeyPatch):
    kaggle(monkeypatch, lambda client, name: {"WANDB_API_KEY": "k" * 40}[name])
    assert find_key() == ("k" * 40, "Kaggle's secrets")


def test_kaggle_without_that_secret(monkeypatch: pytest.MonkeyPatch):
    kaggle(monkeypatch, lambda client, name: {"OTHER": "k"}[name])
    assert find_key() is None


def test_a_secret_of_colab(monkeypatch: pytest.MonkeyPatch):
    userdata = ModuleType("google.colab.userdata")
    userdata.get = lambda name: {"WANDB_API_KEY": "c" * 40}[name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)
    assert find_key() == ("c" * 40, "Colab's secrets")


def test_what_wandb_login_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text(f"machine wandb.example\n  login user\n  password {KEY}\n")
    assert find_key() is None
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")
    assert find_key() == (KEY, "netrc")
