"""How long one waits: for `recipelab --help`, and from the command to the first step of a training on digits.

    python benchmarks/startup.py [--quick] [--repeats N]

Wall-clock seconds of fresh processes, files in the system's cache. The first step counts as done when the first row of
metrics stands in the run record: the row of a run of one step, with its evaluation of 144 images. Beside it, in turn:
`import torch` alone, and a plain PyTorch script that takes one step of a small network.

Then one process takes what a run takes before its first step, in order, and tells what each part adds to those before
it. What is left of the time to the first row is the rest: Python itself, the recipe, the model, a step, an evaluation,
the record.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from timing import Figure, Report, finish, parser

HELP_GOAL = 0.5
TIMEOUT = 300.0

PLAIN = """
import torch
model = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(576, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
images, labels = torch.randn(128, 1, 8, 8), torch.arange(128) % 10
torch.nn.functional.cross_entropy(model(images), labels).backward()
optimizer.step()
"""

# In the order in which a run comes to need them; a later one is cheaper for what an earlier one has brought.
STAGES = {
    "torch": "import torch",
    "torch._dynamo (every torch optimizer imports it)": "import torch._dynamo",
    "hydra, pydantic, rich": "import hydra, pydantic, rich.progress",
    "recipelab": "import recipelab.commands.train",
    "the device, by Lightning Fabric": (
        "from recipelab.config.schema import Trainer\n"
        "from recipelab.loop.device import Device, resolve\n"
        "Device(resolve(Trainer(), input_dim=2))"
    ),
    "the digits, by scikit-learn": "from recipelab.data.digits import Digits; Digits().load(print)",
    "TensorBoard": "import torch.utils.tensorboard",
}

TELL = """
import json, sys, time
seconds = []
for statement in json.loads(sys.argv[1]):
    begin = time.perf_counter()
    exec(statement)
    seconds.append(time.perf_counter() - begin)
print(json.dumps(seconds))
"""


def measure(repeats: int) -> Report:
    """repeats: of each; they take turns."""
    shown, torch, plain, first, stages = [], [], [], [], []
    for _ in range(repeats):
        shown.append(seconds([*command(), "--help"]))
        torch.append(seconds([sys.executable, "-c", "import torch"]))
        plain.append(seconds([sys.executable, "-c", PLAIN]))
        first.append(first_row())
        stages.append(imports())
    added = {name: [values[name] for values in stages] for name in STAGES}
    known = sum(statistics.median(values) for values in added.values())
    return Report(
        "startup",
        f"fresh processes, {repeats} repeats of each in turn",
        [
            Figure("recipelab --help", shown, "s", HELP_GOAL, True),
            Figure("recipelab train data=digits, to the first row", first, "s"),
            Figure("a plain PyTorch script, to the end of its first step", plain, "s"),
            Figure("import torch", torch, "s"),
            *(Figure(f"  of the first row: {name}", values, "s") for name, values in added.items()),
            Figure("  of the first row: the rest", [statistics.median(first) - known], "s"),
        ],
    )


def command() -> list[str]:
    """`recipelab` as installed beside this Python."""
    script = Path(sys.executable).with_name("recipelab")
    return [str(script)] if script.exists() else [sys.executable, "-m", "recipelab"]


def seconds(words: Sequence[str]) -> float:
    """Wall-clock seconds of a command that must succeed."""
    begin = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - begin


def first_row() -> float:
    """Seconds from the command to the first row of metrics in its record."""
    with tempfile.TemporaryDirectory() as folder:
        train = ["train", "data=digits", "trainer.steps=1", "seed=1", "progress=false", f"output={folder}"]
        return seconds_until([*command(), *train], lambda: any(Path(folder).glob("*/metrics.csv")))


def seconds_until(words: Sequence[str], there: Callable[[], bool]) -> float:
    """Seconds from the start of a command until `there` says yes; the command is then left to its end."""
    begin = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not there():
            if process.poll() is not None or time.perf_counter() - begin > TIMEOUT:
                process.kill()
                said = process.stderr.read().decode() if process.stderr else ""
                raise SystemExit(f"{' '.join(words)} did not come to its first row:\n{said}")
            time.sleep(0.005)
        found = time.perf_counter() - begin
        process.communicate()
    return found


def imports() -> dict[str, float]:
    """What each stage adds, in seconds."""
    words = [sys.executable, "-c", TELL, json.dumps(list(STAGES.values()))]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return dict(zip(STAGES, json.loads(done.stdout), strict=True))


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    given = options.parse_args(arguments)
    return finish(measure(1 if given.quick else given.repeats), given.json)


if __name__ == "__main__":
    main()
