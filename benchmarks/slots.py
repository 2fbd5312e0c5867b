"""What slots cost a step: at a setting that changes nothing, over the step without them; and SAM over the plain step.

    python benchmarks/slots.py [--quick] [--rounds N] [--steps N] [--json FILE] [KEY=VALUE ...]

Steps of the product's own, as `recipelab train` assembles them, on batches in memory: a tiny network at batch 32 for
what changes nothing, ResNet-20 at batch 128 for SAM and adaptive SAM. All take turns in every round, the order
reversed from round to round; a difference or ratio is of one round.
Turns are short and many, so that whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator

from harness import CONF, settings
from models import interval
from recipelab.commands.ask import Ask
from recipelab.commands.assemble import assemble, compile_model
from recipelab.commands.job import Job, prepare
from recipelab.core.batch import Batch
from recipelab.loop.device import applied
from recipelab.loop.signals import StopRequest
from timing import Figure, Report, finish, parser

GOAL_US, GOAL_SAM = 5, 2.1
DATA = ("data=synthetic", "data.val_split=0.1", "augment=none", "logger=none", "trainer.steps=1000000", "seed=1")

# The slot, the setting that changes nothing, and what it is compared with: the same without it.
NEUTRAL: dict[str, tuple[str, ...]] = {
    "mix that mixes no batch": ("mix=mixup_cutmix", "mix.probability=0"),
    "mix that is over": ("mix=mixup", "mix.off_after=0st"),
    "sam in no step": ("sam=sam", "sam.every=1000000"),
    "a plateau, none reached": ("scheduler=plateau",),
    "early stopping": ("early_stopping=patience",),
    "parameter group of everything": ("param_groups=everything",),
    "freeze that is thawed": ("model.freeze=[conv]", "model.thaw=0st"),
    "split when memory runs out": ("trainer.on_out_of_memory=split",),
}
PLAIN = ("scheduler=constant",)
SHARP = {"SAM": ("sam=sam",), "adaptive SAM": ("sam=asam",)}


class Turn:
    """Steps of one recipe on batches that are there already; the step counter goes on from turn to turn."""

    def __init__(self, words: tuple[str, ...], folder: str, stop: StopRequest) -> None:
        self.job: Job = prepare(Ask((*words, f"output={folder}"), config_dir=str(CONF)), lambda line: None)
        parts = assemble(self.job, stop)
        if reason := compile_model(self.job, parts):
            raise SystemExit(f"torch.compile failed: {reason}")
        self.step, self.device = parts.step, parts.device
        self.batches: list[Batch] = list(parts.epochs.epoch(0))[:-1]  # the last may be a part of one
        self.done = 1  # `sam.every` has its two passes in step 0

    def seconds(self, steps: int) -> float:
        """Of one step, over `steps` of them."""
        self.device.synchronize()
        begin = time.perf_counter()
        for index in range(self.done, self.done + steps):
            if index % len(self.batches) == 0:
                self.step.log.reset()
            self.step([self.batches[index % len(self.batches)]], index)
        self.device.synchronize()
        self.done += steps
        return (time.perf_counter() - begin) / steps


@contextlib.contextmanager
def turns(recipes: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Turn]]:
    """Every recipe, assembled; torch's switches are those of the first, and all share them."""
    with tempfile.TemporaryDirectory() as folder, StopRequest() as stop:
        first = prepare(
            Ask((*next(iter(recipes.values())), f"output={folder}"), config_dir=str(CONF)), lambda line: None
        )
        with applied(first.execution):
            yield {name: Turn(words, folder, stop) for name, words in recipes.items()}


def measure(recipes: dict[str, tuple[str, ...]], rounds: int, steps: int) -> tuple[dict[str, list[float]], Job]:
    """Seconds of a step of every recipe, a value a round; and the first one's job."""
    with turns(recipes) as contestants:
        found: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in contestants.values():
            turn.seconds(max(2, steps // 4))  # warm-up
        for number in range(rounds):
            for name in list(contestants)[:: -1 if number % 2 else 1]:
                found[name].append(contestants[name].seconds(steps))
        return found, next(iter(contestants.values())).job


def neutral(rounds: int, steps: int, overrides: tuple[str, ...]) -> tuple[list[Figure], Job]:
    """What each setting that changes nothing adds to a step, and the spread of two steps that are the same."""
    base = (*DATA, "data.train=1500", "data.test=20", "model=tiny", "trainer.batch_size=32", *PLAIN, *overrides)
    recipes = {"plain": base, "the same again": base, **{name: (*base, *more) for name, more in NEUTRAL.items()}}
    found, job = measure(recipes, rounds, steps)
    figures = [Figure("  a step of a tiny network, batch 32", [s * 1e6 for s in found["plain"]], "us")]
    for name in recipes:
        if name != "plain":
            extra = [(a - b) * 1e6 for a, b in zip(found[name], found["plain"], strict=True)]
            figures.append(Figure(f"{name} / plain", extra, "us a step", GOAL_US, True))
            low, high = interval(extra)
            figures.append(Figure("    95 % interval of the mean", [low, high], "us a step"))
    return figures, job


def sharp(rounds: int, steps: int, batch: int, overrides: tuple[str, ...]) -> list[Figure]:
    """A step of SAM and of adaptive SAM over a plain one, ResNet-20."""
    base = (*DATA, f"data.train={batch * 4}", "data.test=20", "model=resnet20", f"trainer.batch_size={batch}")
    recipes = {"plain": (*base, *overrides), **{name: (*base, *more, *overrides) for name, more in SHARP.items()}}
    found, _ = measure(recipes, rounds, steps)
    ratios = {name: [a / b for a, b in zip(found[name], found["plain"], strict=True)] for name in SHARP}
    plain = Figure(f"  a plain step of ResNet-20, batch {batch}", [s * 1e3 for s in found["plain"]], "ms")
    return [*(Figure(f"{name} / plain step", values, "", GOAL_SAM, True) for name, values in ratios.items()), plain]


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=200, help="default: %(default)s")
    options.add_argument("--steps", type=int, default=10, help="of the tiny network in a turn (default: %(default)s)")
    options.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of every recipe")
    given = options.parse_args(arguments)
    rounds, steps, sharp_steps, batch = (2, 4, 1, 8) if given.quick else (given.rounds, given.steps, 2, 128)
    figures, job = neutral(rounds, steps, tuple(given.overrides))
    figures += sharp(max(2, rounds // 15), sharp_steps, batch, tuple(given.overrides))
    spread = statistics.median(abs(value) for value in figures[1].values)
    note = f"two steps that are the same differ by {spread:.1f} us in the median"
    return finish(Report("slots", settings(job, f"{rounds} rounds of {steps} steps"), figures, (note,)), given.json)


if __name__ == "__main__":
    main()
