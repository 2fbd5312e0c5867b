"""Streaming from files: images/s against decoding alone, and the memory that a training takes.

    python benchmarks/streaming.py [--quick] [--json FILE] [--workers N]

The files are photographs of many sizes (`benchmarks/photographs.py`), 2,400 of them, cut at random, resized to 160x160
and mirrored. Every round measures, one after the other:

    decoding     worker processes that read, decode, cut and resize the files, and throw the pixels away: the limit
    recipelab    TrainLoader over the same stream: whole batches of 64, mirrored and normalised, in order
    DataLoader   torch's, with torchvision's RandomResizedCrop, RandomHorizontalFlip, ToTensor and Normalize

with the same number of processes, and forms the ratios within the round. Then two trainings of a tiny network run at
384x384 pixels (1 GiB decoded), each in a process of its own: with `data.memory_limit` far below that, and with
data.storage=memory. Their memory is watched: the largest sum over a training and its workers of what is theirs alone
and of their share in what is shared (PSS). Most of it are Python and the imports, which are measured by themselves: 850
MiB. The workers are forks and share them; 13 MiB of each are its own, and 32 MiB the memory that images come back in.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder as TorchFolder

from photographs import write
from recipelab.augment.baseline import Baseline
from recipelab.augment.normalize import Normalize
from recipelab.data.files import FileReader
from recipelab.data.imagefolder import ImageFolder
from recipelab.data.loader import TrainLoader
from recipelab.data.pool import Pool
from recipelab.data.rows import Loading
from recipelab.data.stream import Stream
from recipelab.data.workers import seed_sample
from timing import Figure, Report, finish, parser

SIZE, BATCH, UNIT = 160, 64, 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOAL = 0.9
BOUND = 1200  # MiB, imports included
LARGE = 384  # pixels of the trainings whose memory is watched
CONF = Path(__file__).parent / "conf"


def photographs(root: Path) -> Pool:
    """The training part, streamed."""
    source = ImageFolder(root=str(root), image_size=SIZE, crop_scale=[0.08, 1.0], storage="stream")
    return source.load(lambda line: None)[0]


_reader: FileReader


def _begin(reader: FileReader) -> None:
    global _reader
    _reader = reader
    torch.set_num_threads(1)


def _decode(rows: Sequence[int]) -> int:
    for row in rows:
        seed_sample(row)
        _reader.read(row, True)
    return len(rows)


def decoding(pool: Pool, workers: int) -> Callable[[], int]:
    """Every file once, in processes that keep nothing."""
    assert isinstance(pool.images, Stream)
    reader = pool.images.desk.reader
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin, (reader,))
    parts = torch.randperm(len(pool)).split(UNIT)
    return lambda: sum(executor.map(_decode, [part.tolist() for part in parts]))


def ours(pool: Pool, workers: int) -> Callable[[], int]:
    """An epoch of the training loader, another one at each call."""
    assert isinstance(pool.images, Stream)
    pool.images.use(Loading(workers))
    loader = TrainLoader(
        pool.images,
        pool.targets,
        augment=Baseline(image_size=(SIZE, SIZE), padding=0),
        normalize=Normalize(MEAN, STD, (SIZE, SIZE)),
        batch_size=BATCH,
        seed=1,
    )
    epochs = iter(range(10**9))
    return lambda: sum(len(batch.images) for batch in loader.epoch(next(epochs)))


def theirs(root: Path, workers: int) -> Callable[[], int]:
    """An epoch of torch's DataLoader with torchvision's transforms."""
    steps = [
        transforms.RandomResizedCrop(SIZE, antialias=True),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    data = TorchFolder(str(root / "train"), transforms.Compose(steps))
    loader: Iterable[Sequence[torch.Tensor]] = DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, persistent_workers=True
    )
    return lambda: sum(len(images) for images, _ in loader)


def measure(root: Path, rounds: int, workers: int) -> dict[str, list[float]]:
    """Images/s of each, a value a round, after one that is not counted."""
    pool = photographs(root)
    contestants = {
        "decoding": decoding(pool, workers),
        "recipelab": ours(pool, workers),
        "DataLoader": theirs(root, workers),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            begin = time.perf_counter()
            count = contestant()
            if number:
                rates[name].append(count / (time.perf_counter() - begin))
    pool.images.close()  # type: ignore[union-attr]
    return rates


def memory(root: Path, overrides: Sequence[str]) -> float:
    """MiB, at most, of a training on the files and its workers."""
    with tempfile.TemporaryDirectory() as output:
        words = [sys.executable, "-m", "recipelab", "train", "data=imagefolder", f"data.root={root}", "progress=false"]
        words += [f"--config-dir={CONF}", "model=tiny", f"data.image_size={LARGE}", "data.cache=none"]
        words += ["augment=flip", "trainer.eval_batch_size=16", "trainer.batch_size=16", "logger=none"]
        words += [f"output={output}", *overrides]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        most = 0.0
        while process.poll() is None:
            most = max(most, held(process.pid))
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the training ended with {process.returncode}")
    return most


def imports() -> float:
    """MiB of a process that has imported what a training imports, and done nothing."""
    code = "import recipelab.commands.train, lightning.fabric, psutil; print(psutil.Process().memory_full_info().pss)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    return int(done.stdout) / 2**20


def held(pid: int) -> float:
    """MiB of a process and its children: their own, and their share of what is shared."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total / 2**20


def main(arguments: list[str] | None = None) -> Report:
    """Run and print."""
    options = parser(__doc__ or "")
    options.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes of each")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photographs"
        files = 120 if given.quick else 2400
        write(root, files)
        nbytes = sum(file.stat().st_size for file in root.rglob("*.jpg"))
        rates = measure(root, 2 if given.quick else 7, given.workers)
        training = ["trainer.epochs=1", "trainer.threads=1", f"data.num_workers={given.workers}"]
        training += ["trainer.steps=2"] if given.quick else []
        streamed = memory(root, [*training, "data.memory_limit=1MiB"])
        decoded = memory(root, [*training, "data.storage=memory"])
    ratio = {
        name: [mine / other for mine, other in zip(rates["recipelab"], rates[name], strict=True)]
        for name in ("decoding", "DataLoader")
    }
    count = len(list(rates.values())[0])
    return finish(
        Report(
            "streaming",
            f"{files:,} photographs, {nbytes / 2**20:.0f} MiB, {given.workers} workers, {count} rounds",
            [
                Figure("streaming loader / decoding alone", ratio["decoding"], "", GOAL),
                *(Figure(f"  {name}", values, "images/s") for name, values in rates.items()),
                Figure("streaming loader / torch DataLoader", ratio["DataLoader"]),
                Figure("memory of a training from files", [streamed], "MiB", BOUND, at_most=True),
                Figure("  of the imports alone", [imports()], "MiB"),
                Figure("  of one from memory", [decoded], "MiB"),
            ],
        ),
        given.json,
    )


if __name__ == "__main__":
    main()
