"""Five moving averages: what an update costs of a training step, against five of timm's and five of Lightning's.

    python benchmarks/averaging.py [--quick] [--rounds 12] [--json FILE]

ResNet-20 and ResNet-18 at batch 128: channels-last, bf16 autocast where the hardware computes bf16, fused SGD. In every
round each contestant updates right after a step of its own on the same network, so that it finds the caches as a step
leaves them; only the update is timed. A round's ratio is of its updates to the mean of its steps. The contestants: the
bank with five rows; the bank as a recipe has it, with the row of the epoch's mean; five of timm's ModelEmaV3 (foreach);
five of Lightning's EMAWeightAveraging, by the hook that a Trainer calls.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import EMAWeightAveraging
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from models import Step
from recipelab.averaging.bank import EPOCH_MEAN, Bank
from recipelab.averaging.clock import Clock
from recipelab.averaging.ema import Ema
from recipelab.averaging.epoch_mean import epoch_mean_weights
from recipelab.core.durations import Timeline
from recipelab.loop.device import has_bf16
from recipelab.models.resnet import resnet18
from recipelab.models.resnet_cifar import resnet20
from timing import Figure, Report, finish, parser

DECAYS = (0.9, 0.99, 0.999, 0.9995, 0.9997)
NETWORKS: dict[str, tuple[Callable[..., nn.Module], float]] = {
    "resnet20": (resnet20, 0.003),
    "resnet18": (resnet18, 0.015),
}
ROUNDS = {"resnet20": 4, "resnet18": 1}
"""Rounds of a network for each that is asked for: its steps are so much shorter."""


class Ours:
    """The bank. store: with the row of the running epoch's mean."""

    def __init__(self, model: nn.Module, *, store: bool) -> None:
        clock = Clock.of(Timeline(steps_per_epoch=390, total_steps=10_000))
        averages = {f"ema_{decay}": Ema(decay=decay).weights(clock) for decay in DECAYS}
        hidden = {EPOCH_MEAN: epoch_mean_weights(clock.epoch_ends())} if store else {}
        self.bank = Bank(model, averages, hidden=hidden)
        self.update = self.bank.update
        self.megabytes = (self.bank.rows.nbytes + self.bank.flat.nbytes + _bytes(model)) / 1e6  # and the twin


class Timm:
    """Five of timm's ModelEmaV3."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.averages = model, [ModelEmaV3(model, decay=decay) for decay in DECAYS]
        self.megabytes = sum(_bytes(average.module) for average in self.averages) / 1e6

    def update(self) -> None:
        """As timm's train.py calls it."""
        for average in self.averages:
            average.update(self.model)


class Lightning:
    """Five of Lightning's EMAWeightAveraging."""

    def __init__(self, model: nn.Module) -> None:
        self.module = LightningModule()
        self.module.model = model
        self.trainer = SimpleNamespace(global_step=0)
        self.callbacks = [EMAWeightAveraging(decay=decay) for decay in DECAYS]
        for callback in self.callbacks:
            callback.setup(self.trainer, self.module, "fit")
        self.megabytes = sum(_bytes(callback._average_model) for callback in self.callbacks) / 1e6

    def update(self) -> None:
        """As a Trainer calls it."""
        self.trainer.global_step += 1
        for callback in self.callbacks:
            callback.on_train_batch_end(self.trainer, self.module, None, None, 0)


def _bytes(model: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def compare(name: str, rounds: int, batch: int) -> list[Figure]:
    """The ratio of a network's update to its step, the peers' beside it, and what each holds in memory."""
    torch.manual_seed(0)
    build, goal = NETWORKS[name]
    step = Step(build(num_classes=10, image_size=(32, 32), input_channels=3), batch, has_bf16(cuda=False))
    contestants = {
        "bank": Ours(step.model, store=False),
        "bank with the epoch's mean": Ours(step.model, store=True),
        "timm ModelEmaV3": Timm(step.model),
        "Lightning EMAWeightAveraging": Lightning(step.model),
    }
    steps: list[float] = []
    updates: dict[str, list[float]] = {who: [] for who in contestants}
    for number in range(-1, rounds):
        seconds = []
        for who in sorted(contestants, reverse=bool(number % 2)):
            seconds.append(batch / step.rate(1))
            begin = time.perf_counter()
            contestants[who].update()
            updates[who].append(time.perf_counter() - begin)
        steps.append(statistics.fmean(seconds))
    steps = steps[1:]  # the first round warms up
    shares = {who: [a / b for a, b in zip(found[1:], steps, strict=True)] for who, found in updates.items()}
    label = f"{name}, batch {batch}: five averages"
    return [
        Figure(f"{label}, update / step", shares["bank"], "", goal, at_most=True),
        *(Figure(f"  {who}, update / step", shares[who]) for who in list(contestants)[1:]),
        *(Figure(f"  {who}", [1e6 * v for v in updates[who][1:]], "us an update") for who in contestants),
        *(Figure(f"  {who}", [found.megabytes], "MB") for who, found in contestants.items()),
        Figure("  step", [1e3 * value for value in steps], "ms"),
    ]


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=12, help="default: %(default)s")
    given = options.parse_args(arguments)
    rounds, batch = (given.rounds, 128) if not given.quick else (1, 2)
    figures = [f for name in NETWORKS for f in compare(name, rounds * (1 if given.quick else ROUNDS[name]), batch)]
    settings = f"32x32, channels_last, {'bf16' if has_bf16(cuda=False) else 'fp32'}, {torch.get_num_threads()} threads"
    return finish(Report("averaging", settings, figures), given.json)


if __name__ == "__main__":
    main()
