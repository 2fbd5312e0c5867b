"""What the tests of the loop share: a device, and steps without a run around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from recipelab.core.batch import Batch, Target
from recipelab.core.generators import step_base
from recipelab.loop.device import Device, Execution
from recipelab.loop.step import TrainStep
from recipelab.losses.cross_entropy import CrossEntropy
from recipelab.metrics.running import StepLog
from recipelab.optim.clipping import Clip


@pytest.fixture(scope="session")
def device() -> Device:
    """The CPU in full precision."""
    return Device(
        Execution(
            accelerator="cpu",
            precision="32",
            threads=1,
            compile=False,
            channels_last=False,
            cudnn_benchmark=False,
            deterministic=True,
        )
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread, and torch's own draws left as they were."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.set_rng_state(state)


@pytest.fixture
def make_step(device: Device) -> Callable[..., TrainStep]:
    """A step of plain SGD: make_step(model, lr=0.1, steps=100, **fields of TrainStep)."""

    def make(model: nn.Module, *, lr: float = 0.1, steps: int = 100, **more: object) -> TrainStep:
        fields: dict[str, object] = {
            "loss": CrossEntropy(),
            "optimizer": torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4),
            "factors": np.ones(steps),
            "log": StepLog(steps, torch.device("cpu")),
            "base": step_base(0),
            **more,
        }
        if isinstance(limit := fields.get("clip"), float):
            fields["clip"] = Clip(model, limit)
        return TrainStep(model=model, device=device, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def batches() -> Callable[..., list[Batch]]:
    """Batches of drawn images (B, 1, 8, 8) with labels below 10: batches(count, size=16, seed=0)."""

    def draw(count: int, size: int = 16, seed: int = 0) -> list[Batch]:
        source = torch.Generator().manual_seed(seed)
        images = torch.randn(count * size, 1, 8, 8, generator=source).split(size)
        labels = torch.randint(10, (count * size,), generator=source).split(size)
        return [Batch(x, Target(y)) for x, y in zip(images, labels, strict=True)]

    return draw
