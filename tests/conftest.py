"""What the tests of whole trainings share: how to train a network of some hundred weights."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tiny_recipe import EVERYTHING, TINY, USER_TREE


def pytest_configure() -> None:
    """One core for each of several workers: a training that takes all the cores it may use would share them badly.

    Whoever runs the tests may have an account of W&B: nothing is sent to it.
    """
    os.environ |= {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw") and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker[2:]) % len(cores)]})


@pytest.fixture(autouse=True)
def _no_modules_of_other_tests() -> Iterator[None]:
    """What a test imports from a folder of its own is gone after it: the next may have a module of the same name."""
    before = list(sys.path)
    yield
    added = [path for path in sys.path if path not in before]
    sys.path[:] = before
    for name, module in list(sys.modules.items()) if added else ():
        origin = getattr(module, "__file__", None) or ""
        if any(origin.startswith(f"{path}{os.sep}") for path in added):
            del sys.modules[name]


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., list[str]]:
    """The arguments of `train` for a tiny recipe: tiny(*overrides, everything=False), records under tmp_path."""

    def overrides(*more: str, everything: bool = False) -> list[str]:
        return [*TINY, f"output={tmp_path / 'outputs'}", *(EVERYTHING if everything else ()), *more]

    return overrides


@pytest.fixture
def train_tiny(tiny: Callable[..., list[str]]) -> Callable[..., object]:
    """Train a tiny recipe in this process: train_tiny(*overrides, everything=False) -> Run."""
    from recipelab.commands.train import train

    def run(*more: str, everything: bool = False) -> object:
        return train(*tiny(*more, everything=everything), config_dir=str(USER_TREE), quiet=True)

    return run


@pytest.fixture
def resume() -> Callable[..., object]:
    """Go on with a record in this process: resume(path, *overrides) -> Run."""
    from recipelab.commands.train import train

    def run(path: Path, *more: str) -> object:
        return train(f"trainer.resume={path}", *more, config_dir=str(USER_TREE), quiet=True)

    return run
