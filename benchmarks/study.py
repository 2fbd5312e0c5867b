"""What a study costs beside its trainings: against the same trainings by `recipelab train`, a start, a list of records.

    python benchmarks/study.py [--quick] [--epochs 180] [--rounds 2] [--json FILE]

Every training is ResNet-20 on digits, about a minute of it on a core. A round: a study of one such training, a study of
three, and `recipelab train` with the words of each, every command in a fresh process. A study's own cost is what its
command takes longer than the others together; below zero, its warm starts have saved more than its plan, its tables and
pictures cost. Before that one process starts trainings of one step from a preloaded server and as new interpreters,
and 10,000 records are listed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from recipelab.commands.cell import perform
from recipelab.core.task import Task
from recipelab.records.listing import list_records
from recipelab.studies.local import LocalLauncher
from timing import Figure, Report, finish, parser

COUNTS = (1, 3)
CONTROL = ["model=resnet20", "trainer.threads=1", "result_plot=none", "logger=none", "progress=false"]


def seconds(*words: str) -> float:
    """Wall-clock seconds of a command."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "recipelab", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def whole(root: Path, words: list[str], counts: tuple[int, ...], rounds: int) -> list[Figure]:
    """The command of a study of so many trainings, for each of `counts`, against the commands of those trainings."""
    (root / "one.yaml").write_text(yaml.safe_dump({"control": words}))
    studied: dict[int, list[float]] = {count: [] for count in counts}
    alone = []
    for first in range(0, rounds * max(counts), max(counts)):
        seeds = list(range(first, first + max(counts)))
        alone.append([seconds("train", *words, f"seed={seed}", f"output={root / 'alone'}") for seed in seeds])
        for count, taken in studied.items():
            out = root / f"study-{first}-{count}"
            taken.append(seconds("study", str(root / "one.yaml"), f"seeds={seeds[:count]}", "--output", str(out)))
    figures = []
    for count, taken in studied.items():
        trained = [sum(one[:count]) for one in alone]
        cost = [a - b for a, b in zip(taken, trained, strict=True)]
        goal = 0.01 if count == max(counts) else None
        share = [c / b for c, b in zip(cost, trained, strict=True)]
        figures += [
            Figure(f"own cost, study of {count} / its trainings", share, "", goal, at_most=True),
            Figure("  in seconds", cost, "s"),
        ]
    return [*figures, Figure("  recipelab train", [value for one in alone for value in one], "s")]


def starts(root: Path, count: int) -> list[Figure]:
    """A training of one step, from a preloaded server (the first start loads it) and as a new interpreter."""
    words = (*CONTROL, "trainer.steps=1", "seed=0")
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in range(count + 1):
        for warm in (True, False):
            name = f"{'warm' if warm else 'cold'}-{number}"
            launcher = LocalLauncher(perform, 1, warm=warm)
            begin = time.perf_counter()
            running = launcher.start(Task(name, name, str(root / name), words, ("raw",), str(root / f"{name}.log")))
            while (code := running.poll()) is None:
                time.sleep(0.01)
            found[warm].append(time.perf_counter() - begin)
            assert code == 0, (root / f"{name}.log").read_text()
    return [
        Figure("a run of one step, warm start", found[True][1:], "s"),
        Figure("  the first, which loads the server", found[True][:1], "s"),
        Figure("  cold start", found[False][1:], "s"),
    ]


def listed(root: Path, count: int) -> list[Figure]:
    """`recipelab runs` over copies of one result, 100 in a folder."""
    (one,) = list_records(root / "warm-0")
    result = json.loads((Path(one["path"]) / "result.json").read_text())
    for number in range(count):
        folder = root / "many" / str(number // 100) / f"run-{number}"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps({**result, "seed": number}))
    return [
        Figure(
            f"recipelab runs, {count:,} records",
            [seconds("runs", str(root / "many")) for _ in range(3)],
            "s",
            2,
            at_most=True,
        )
    ]


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--epochs", type=int, default=180, help="of each training; default: %(default)s")
    options.add_argument("--rounds", type=int, default=2, help="default: %(default)s")
    given = options.parse_args(arguments)
    length = ["trainer.epochs=1", "data.limit=200"] if given.quick else [f"trainer.epochs={given.epochs}"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        figures = starts(root, 1 if given.quick else 3)
        figures += listed(root, 200 if given.quick else 10_000)
        figures += whole(root, [*CONTROL, *length], (1,) if given.quick else COUNTS, 1 if given.quick else given.rounds)
    return finish(Report("study", "ResNet-20 on digits, one thread", figures), given.json)


if __name__ == "__main__":
    main()
