"""What the tests of whole trainings share: a network of some hundred weights, and how to train it in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

USER_TREE = Path(__file__).parent / "user_tree"

# 180 training samples in 6 steps an epoch, 20 for validation, 200 for the test: half a second.
TINY = (
    "model=tiny",
    "data=digits",
    "data.limit=200",
    "trainer.epochs=3",
    "trainer.batch_size=32",
    "trainer.threads=1",
    "trainer.precision=32",
    "logger=none",
    "progress=false",
    "select=best",
    "seed=0",
)

# Everything that has a state of its own, or draws; evaluations and checkpoints fall on different steps.
EVERYTHING = (
    "averaging=ema",
    "averaging.decays=[0.9,0.99]",
    "sam=sam",
    "mix=mixup",
    "augment=baseline",
    "trainer.batch_size=16",
    "trainer.accumulate=2",
    "trainer.gradient_clip=1.0",
    "trainer.evaluate_every=0.5ep",
    "trainer.checkpoint_every=4st",
)


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
