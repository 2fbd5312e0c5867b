"""Our ResNets against torchvision's: forward, backward and step on one fixed batch, in one interleaved run.

    python benchmarks/models.py [--quick] [--rounds 12] [--steps 2] [--json FILE]

Both have the small-image stem, channels-last, bf16 autocast where the hardware computes bf16, and the fused SGD. They
take turns in one process, the order reversed every round; a round's ratio is of its own two rates. The figure is the
median of the ratios, its interval the 95 % t-interval of their mean.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision
from scipy import stats
from torch import nn

from recipelab.loop.device import has_bf16
from recipelab.models.resnet import resnet18, resnet50
from timing import Figure, Report, finish, parser

GOAL = 0.98
BATCHES = {"resnet18": 64, "resnet50": 32}
OURS: dict[str, Callable[..., nn.Module]] = {"resnet18": resnet18, "resnet50": resnet50}


class Step:
    """Forward, backward and optimizer step of a network on one fixed batch."""

    def __init__(self, model: nn.Module, batch: int, bf16: bool) -> None:
        self.model = model.to(memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
        self.images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        self.labels, self.bf16 = torch.arange(batch) % 10, bf16

    def rate(self, steps: int) -> float:
        """Images a second over `steps` steps."""
        begin = time.perf_counter()
        for _ in range(steps):
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                loss = F.cross_entropy(self.model(self.images), self.labels)
            loss.backward()
            self.optimizer.step()
        return steps * len(self.images) / (time.perf_counter() - begin)


def theirs(name: str) -> nn.Module:
    """torchvision's network with the small-image stem."""
    model: nn.Module = getattr(torchvision.models, name)(weights=None, num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model


def compare(name: str, rounds: int, steps: int, batch: int) -> list[Figure]:
    """The ratio of a network, and the two rates."""
    torch.manual_seed(0)
    bf16 = has_bf16(cuda=False)
    both = {
        "recipelab": Step(OURS[name](num_classes=10, image_size=(32, 32)), batch, bf16),
        "torchvision": Step(theirs(name), batch, bf16),
    }
    rates: dict[str, list[float]] = {who: [] for who in both}
    for step in both.values():
        step.rate(1)  # warm-up
    for number in range(rounds):
        for who in sorted(both, reverse=bool(number % 2)):
            rates[who].append(both[who].rate(steps))
    ratios = [a / b for a, b in zip(rates["recipelab"], rates["torchvision"], strict=True)]
    return [
        Figure(f"{name}, batch {batch}: recipelab / torchvision", ratios, "", GOAL),
        Figure("  upper end of the ratio's 95 % interval", [interval(ratios)[1]], "", GOAL),
        Figure("  lower end", [interval(ratios)[0]]),
        *(Figure(f"  {who}", values, "images/s") for who, values in rates.items()),
    ]


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % t-interval of the mean."""
    if len(values) < 2:
        return values[0], values[0]
    low, high = stats.t.interval(0.95, len(values) - 1, statistics.mean(values), stats.sem(values))
    return float(low), float(high)


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=12, help="default: %(default)s")
    options.add_argument("--steps", type=int, default=2, help="of a turn (default: %(default)s)")
    given = options.parse_args(arguments)
    batches = BATCHES
    if given.quick:
        given.rounds, given.steps, batches = 2, 1, dict.fromkeys(BATCHES, 2)
    figures = [f for name, batch in batches.items() for f in compare(name, given.rounds, given.steps, batch)]
    settings = f"32x32, channels_last, {'bf16' if has_bf16(cuda=False) else 'fp32'}, {torch.get_num_threads()} threads"
    return finish(Report("models", settings, figures), given.json)


if __name__ == "__main__":
    main()
