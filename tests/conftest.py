"""What the tests of whole trainings share: how to train a network of some hundred weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tiny_recipe import EVERYTHING, TINY, USER_TREE


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
