"""How close a training comes to the limit of the machine: images/s of the training phase over the model alone.

    python benchmarks/training.py [--quick] [--model resnet20] [--batch 128] [--rounds 8] [--steps 40]
                                  [--precision auto] [--averaging none] [--root DIR] [KEY=VALUE ...]

The training phase is an epoch from its first to its last step: order and draws of the epoch, baseline augmentation,
forward, backward, step, schedule, loss and accuracy, TensorBoard and CSV on, resources sampled. The limit is the model
alone: forward, backward and step on one fixed batch in memory, written in plain torch, with the precision, memory
format, fused optimizer and threads that the recipe resolves to on this machine.

They take turns in one process: the limit before the first round and after each; a round's ratio is to the mean of the
two limits around it. Beside it: evaluation over a forward-only limit on one fixed batch, and everything that a run does
between its first and last step (evaluation, checkpoints, rows) as a ratio of wall-clock times.

Images are noise of the CIFAR shape, or with --root those of any folder that `data=imagefolder` takes.
"""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Clock, autocast, plain_torch, settings, train_against
from recipelab.commands.assemble import Parts
from recipelab.commands.job import Job
from recipelab.config.averages import view_names
from timing import Figure, Report, finish, parser

GOAL = 0.95
CIFAR_TRAIN, CIFAR_VAL = 45_000, 5_000
EVAL_BATCHES = 2


class Limit:
    """The model alone, on one fixed batch: what no training loop can beat on this machine.

    steps: of a turn. train, forward: images/s of every turn.
    """

    def __init__(self, job: Job, parts: Parts, steps: int) -> None:
        self.job, self.device, self.steps = job, parts.device, steps
        self.autocast = autocast(job, parts.device.torch_device)
        self.model = parts.device.place(job.recipe.slots["model"].build())
        if job.execution.compile:
            self.model.compile(dynamic=False)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
        self.batch, self.eval_batch = (self._images(size) for size in (job.recipe.trainer.batch_size, _eval_batch(job)))
        self.labels = torch.arange(len(self.batch), device=parts.device.torch_device) % job.facts.num_classes
        self.train: list[float] = []
        self.forward: list[float] = []

    def turn(self) -> None:
        """Measure both, once."""
        with plain_torch(self.device.torch_device):
            self.train.append(self._rate(self._step, self.steps, len(self.batch)))
            self.model.eval()
            with torch.inference_mode():
                self.forward.append(self._rate(self._forward, EVAL_BATCHES, len(self.eval_batch)))
            self.model.train()

    def _images(self, count: int) -> Tensor:
        facts, how = self.job.facts, self.job.execution
        images = torch.randn(count, facts.input_channels, *facts.image_size, device=self.device.torch_device)
        return images.contiguous(memory_format=torch.channels_last if how.channels_last else torch.contiguous_format)

    def _step(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast:
            loss = F.cross_entropy(self.model(self.batch), self.labels)
        loss.backward()
        self.optimizer.step()

    def _forward(self) -> None:
        with self.autocast:
            self.model(self.eval_batch)

    def _rate(self, work: Callable[[], None], times: int, images: int) -> float:
        work()  # the caches are the rival's just now
        self.device.synchronize()
        begin = time.perf_counter()
        for _ in range(times):
            work()
        self.device.synchronize()
        return times * images / (time.perf_counter() - begin)


def measure(given: Namespace) -> Report:
    """given: the options of the command line."""
    limits: list[Limit] = []

    def rival(job: Job, parts: Parts) -> Callable[[], None]:
        limits.append(Limit(job, parts, given.steps))
        return limits[0].turn

    clock, job = train_against(rival, _recipe(given))
    return _report(given, job, clock, limits[0])


def _recipe(given: Namespace) -> list[str]:
    """Overrides: an epoch of `steps` batches, and one epoch before the rounds to warm up."""
    train, val = given.steps * given.batch, EVAL_BATCHES * given.eval_batch
    data = ["data=synthetic", f"data.train={train + val}", "data.test=10"]
    if given.root:
        data = ["data=imagefolder", f"data.root={given.root}", f"data.limit={train + val}"]
    return [
        *data,
        f"data.val_split={val / (train + val)}",
        f"model={given.model}",
        "augment=baseline",
        f"averaging={given.averaging}",
        f"trainer.batch_size={given.batch}",
        f"trainer.eval_batch_size={given.eval_batch}",
        f"trainer.precision={given.precision}",
        f"trainer.epochs={given.rounds + 1}",
        *given.overrides,
    ]


def _report(given: Namespace, job: Job, clock: Clock, limit: Limit) -> Report:
    samples, val = len(job.pools["train"]), len(job.pools["val"])
    views = len(view_names(job.recipe.averaging))
    ours = [samples / seconds for seconds in clock.training[1:]]
    around = _around(limit.train)
    evaluation = [val / seconds for seconds in clock.evaluation[views:]]
    forward = statistics.median(limit.forward)
    wall = _wall_clock(clock, statistics.median(around), samples, val, views)
    what = f"{given.model}, batch {given.batch}, {job.recipe.slots['augment'].name}, {views} view{'s' * (views > 1)}"
    return Report(
        "training",
        settings(job, f"{what}, {given.rounds} rounds of {given.steps} steps"),
        [
            Figure("training phase / model alone", [a / b for a, b in zip(ours, around, strict=True)], "", GOAL),
            Figure("  model alone", around, "images/s"),
            Figure("  recipelab, training phase", ours, "images/s"),
            Figure("evaluation / forward alone", [rate / forward for rate in evaluation]),
            Figure("  forward alone", limit.forward[1:], "images/s"),
            Figure("  recipelab, evaluation", evaluation, "images/s"),
            Figure("wall clock, whole epochs of 45,000 + 5,000", [wall]),
            Figure("  a row of metrics", [1000 * s for s in clock.rows[1:]], "ms"),
            Figure("  the ledger's rows", [1000 * s for s in clock.ledger[1:]], "ms"),
            Figure("  a checkpoint", [1000 * s for s in clock.checkpoints[1:]], "ms"),
        ],
        (
            "whole epochs: the model alone for 45,000 images, over their training phase, the evaluation of every view",
            "on 5,000, a row of metrics, the ledger and two checkpoints, put together from the medians above",
        ),
    )


def _wall_clock(clock: Clock, limit: float, samples: int, val: int, views: int) -> float:
    """Ratio of wall-clock times for a CIFAR epoch, from this run's medians; shorter epochs would overstate the rest."""
    training = statistics.median(clock.training[1:]) / samples * CIFAR_TRAIN
    evaluation = statistics.median(clock.evaluation[views:]) / val * CIFAR_VAL * views
    rest = sum(statistics.median(times[1:]) for times in (clock.rows, clock.ledger, *2 * [clock.checkpoints]))
    return CIFAR_TRAIN / limit / (training + evaluation + rest)


def _around(limits: list[float]) -> list[float]:
    """The limit before and after every round: the mean of two neighbours."""
    return [(a + b) / 2 for a, b in zip(limits, limits[1:], strict=False)]


def _eval_batch(job: Job) -> int:
    return min(job.recipe.trainer.eval_batch_size, len(job.pools["val"]))


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--model", default="resnet20", help="a choice of the group model (default: %(default)s)")
    options.add_argument("--batch", type=int, default=128, help="default: %(default)s")
    options.add_argument("--eval-batch", type=int, default=1000, help="default: %(default)s")
    options.add_argument("--rounds", type=int, default=8, help="epochs that count (default: %(default)s)")
    options.add_argument("--steps", type=int, default=40, help="steps of an epoch (default: %(default)s)")
    options.add_argument("--precision", default="auto", choices=["auto", "32", "bf16-mixed"], help="of both")
    options.add_argument("--averaging", default="none", help="a choice of the group averaging (default: %(default)s)")
    options.add_argument("--root", metavar="DIR", help="a folder of images, instead of noise")
    options.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe")
    given = options.parse_args(arguments)
    if given.quick:
        given.rounds, given.steps, given.batch, given.eval_batch = 2, 3, 16, 32
    return finish(measure(given), given.json)


if __name__ == "__main__":
    main()
