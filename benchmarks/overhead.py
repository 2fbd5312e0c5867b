"""What our loop adds to a step, over a bare PyTorch loop: microseconds, for a tiny network at batch 32.

    python benchmarks/overhead.py [--quick] [--rounds N] [--steps N] [KEY=VALUE ...]

Both train the same network on the same uint8 images in memory, shuffled and normalised, not augmented, with the same
optimizer, precision, threads and learning rates, count loss and accuracy, and write a row of CSV an epoch. Ours is the
product's own loop with its run record (no TensorBoard); the bare one is `Bare` below, as one would write it by hand.
A round is an epoch of each, the row included; the difference is formed within the round.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from harness import autocast, plain_torch, settings, timed, train_against
from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from timing import Figure, Report, finish, parser

BATCH, GOAL_US = 32, 60


class Bare:
    """The loop that one writes by hand: shuffled index, gather, normalise, step, loss and accuracy kept as tensors."""

    def __init__(self, job: Job, parts: Parts, path: Path) -> None:
        facts, self.device = job.facts, parts.device.torch_device
        pool = job.pools["train"]
        self.shape = pool.images.shape[1:]
        pixels = self.shape[:-1].numel()
        self.images, self.targets = pool.images.flatten(1).to(self.device), pool.targets.to(self.device)
        mean, std = (torch.tensor(value, device=self.device).repeat(pixels) for value in (facts.mean, facts.std))
        self.scale, self.shift = 1 / (255 * std), -mean / std
        layout = torch.channels_last if job.execution.channels_last else torch.contiguous_format
        self.model = job.recipe.slots["model"].build().to(self.device, memory_format=layout)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
        self.lrs = [0.1 * float(factor) for factor in parts.step.factors]
        self.autocast = autocast(job, self.device)
        self.file = path.open("w", newline="")
        self.writer = csv.writer(self.file)
        self.step = 0
        self.seconds: list[float] = []

    def epoch(self) -> None:
        """One epoch and its row."""
        with plain_torch(self.device), timed(self.seconds):
            loss, accuracy = self._train()
            self.writer.writerow([self.step, self.optimizer.param_groups[0]["lr"], loss, accuracy])
            self.file.flush()

    def close(self) -> None:
        """Close the CSV."""
        self.file.close()

    def _train(self) -> tuple[float, float]:
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for rows in torch.randperm(len(self.targets)).to(self.device).split(BATCH):
            for group in self.optimizer.param_groups:
                group["lr"] = self.lrs[self.step]
            images = self.images.index_select(0, rows).float().mul_(self.scale).add_(self.shift)
            images = images.view(-1, *self.shape).permute(0, 3, 1, 2)
            targets = self.targets.index_select(0, rows)
            self.optimizer.zero_grad(set_to_none=True)
            with self.autocast:
                logits = self.model(images)
                loss = F.cross_entropy(logits, targets)
            loss.backward()
            self.optimizer.step()
            with torch.no_grad():
                loss_sum += loss.detach() * len(rows)
                correct += (logits.argmax(1) == targets).sum()
            self.step += 1
        return float(loss_sum) / len(self.targets), int(correct) / len(self.targets)


def measure(rounds: int, steps: int, overrides: list[str]) -> Report:
    """rounds: epochs that count. steps: of an epoch. overrides: of the recipe."""
    bares: list[Bare] = []
    with tempfile.TemporaryDirectory() as folder:

        def rival(job: Job, parts: Parts) -> Callable[[], None]:
            bares.append(Bare(job, parts, Path(folder) / "bare.csv"))
            return bares[0].epoch

        clock, job = train_against(rival, [*_recipe(rounds, steps), *overrides])
        bares[0].close()
    ours, bare, training, rows = (
        [seconds / steps * 1e6 for seconds in values[1:-1]]
        for values in (clock.whole, bares[0].seconds, clock.training, clock.rows)
    )
    return Report(
        "overhead",
        settings(job, f"one convolution and a linear layer, batch {BATCH}, {rounds} rounds of {steps} steps"),
        [
            Figure("loop overhead", [a - b for a, b in zip(ours, bare, strict=True)], "us a step", GOAL_US, True),
            Figure("  bare PyTorch loop", bare, "us a step"),
            Figure("  recipelab", ours, "us a step"),
            Figure("    its steps", training, "us a step"),
            Figure("    its row of metrics", rows, "us a step"),
        ],
    )


def _recipe(rounds: int, steps: int) -> list[str]:
    """Overrides. Of the epochs the first warms up, and the last brings the only evaluation and checkpoint."""
    train, val = steps * BATCH, BATCH
    return [
        "data=synthetic",
        f"data.train={train + val}",
        f"data.val_split={val / (train + val)}",
        f"data.test={val}",
        "model=tiny",
        "augment=none",
        "logger=none",
        f"trainer.batch_size={BATCH}",
        f"trainer.epochs={rounds + 2}",
        "trainer.evaluate_every=100%",
        "trainer.checkpoint_every=100%",
    ]


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=20, help="epochs of each (default: %(default)s)")
    options.add_argument("--steps", type=int, default=1000, help="steps of an epoch (default: %(default)s)")
    options.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe, such as trainer.precision=32"
    )
    given = options.parse_args(arguments)
    rounds, steps = (3, 30) if given.quick else (given.rounds, given.steps)
    return finish(measure(rounds, steps, given.overrides), given.json)


if __name__ == "__main__":
    main()
