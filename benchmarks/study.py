"""What a study costs beside its trainings: against the same trainings by `recipelab train`, a start, a list of records.

    python benchmarks/study.py [--quick] [--epochs 220] [--seeds 2] [--json FILE]

Every training is ResNet-20 on digits, about a minute of it on a core. A round is a seed: the study with that seed
alone, and `recipelab train` with the same words, each in a fresh process, in turn. A study's cost is what its command
takes longer than the other. Before that one process starts trainings of one step from a preloaded server and as new
interpreters, and 10,000 records are listed.
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

CONTROL = ["model=resnet20", "trainer.threads=1", "result_plot=none", "logger=none", "progress=false"]


def seconds(*words: str) -> float:
    """Wall-clock seconds of a command."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "recipelab", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def whole(root: Path, words: list[str], seeds: int) -> list[Figure]:
    """The command of a study against that of its training."""
    (root / "one.yaml").write_text(yaml.safe_dump({"control": words, "seeds": [0]}))
    studied, alone = [], []
    for seed in range(seeds):
        turns = [
            lambda s=seed: studied.append(
                seconds("study", str(root / "one.yaml"), f"seeds=[{s}]", "--output", str(root / f"study-{s}"))
            ),
            lambda s=seed: alone.append(seconds("train", *words, f"seed={s}", f"output={root / 'alone'}")),
        ]
        for turn in turns if seed % 2 else turns[::-1]:
            turn()
    cost = [a - b for a, b in zip(studied, alone, strict=True)]
    return [
        Figure("study / train", [c / b for c, b in zip(cost, alone, strict=True)], "", 0.01, at_most=True),
        Figure("  a study's own cost", cost, "s"),
        Figure("  recipelab study", studied, "s"),
        Figure("  recipelab train", alone, "s"),
    ]


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
    options.add_argument("--epochs", type=int, default=220, help="of each training; default: %(default)s")
    options.add_argument("--seeds", type=int, default=2, help="default: %(default)s")
    given = options.parse_args(arguments)
    length = ["trainer.epochs=1", "data.limit=200"] if given.quick else [f"trainer.epochs={given.epochs}"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        figures = starts(root, 1 if given.quick else 3)
        figures += listed(root, 200 if given.quick else 10_000)
        figures += whole(root, [*CONTROL, *length], 1 if given.quick else given.seeds)
    return finish(Report("study", "ResNet-20 on digits, one thread", figures), given.json)


if __name__ == "__main__":
    main()
