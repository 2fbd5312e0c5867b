"""The training loader against torchvision's pipelines: images/s for CIFAR-sized images with the baseline augmentation.

    python benchmarks/loader.py [--quick]

Three ways to the same batches (128 images of 32x32x3, pad 4 and crop, flip, normalise), in memory, on the CPU:

    recipelab   TrainLoader with augment=baseline, in this process: on one thread, and on as many as torch would take
    PIL         torchvision transforms on PIL images, DataLoader with 2 workers
    v2          torchvision.transforms.v2 on uint8 tensors, image by image, DataLoader with 2 workers

Every repeat measures all of them, one after the other; the ratio to the better peer is formed within a repeat. The
clock of a peer starts after warm-up batches, when its workers run and its queue, filled while nobody waited, is empty.

The verdict is on one thread, half of the cores that the peers get: where another process keeps a core busy, several
threads wait for each other after every operation and can fall to a hundredth, which says nothing about the loader.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from recipelab.augment.baseline import Baseline
from recipelab.augment.normalize import Normalize
from recipelab.data.loader import TrainLoader

BATCH, WORKERS, WARM_UP = 128, 2, 12
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
GOAL, STRETCH = 8, 15


class Transformed(Dataset[tuple[Tensor, int]]):
    """In-memory images, each passed through a transform when asked for."""

    def __init__(self, images: list[object], transform: Callable[[object], Tensor]) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), index % 10


def pil(images: np.ndarray) -> DataLoader[tuple[Tensor, int]]:
    """The pipeline of most CIFAR scripts."""
    steps = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    return workers(Transformed([Image.fromarray(image) for image in images], transforms.Compose(steps)))


def tensors(images: np.ndarray) -> DataLoader[tuple[Tensor, int]]:
    """The pipeline that torchvision recommends today."""
    steps = [
        v2.RandomCrop(32, padding=4),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
    stored = torch.from_numpy(images).movedim(-1, 1).contiguous()
    return workers(Transformed(list(stored), v2.Compose(steps)))


def workers(data: Dataset[tuple[Tensor, int]]) -> DataLoader[tuple[Tensor, int]]:
    """A DataLoader as scripts set it up, its workers kept between epochs."""
    return DataLoader(data, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, drop_last=True)


def rate(batches: Iterable[object], warm_up: int) -> float:
    """Images/s of whole batches, the first `warm_up` of them not counted."""
    running: Iterator[object] = iter(batches)
    for _ in range(warm_up):
        next(running)
    begin = time.perf_counter()
    count = sum(1 for _ in running)
    return count * BATCH / (time.perf_counter() - begin)


def measure(repeats: int, batches: int, ours_epochs: int, threads: list[int]) -> dict[str, list[float]]:
    """Images/s of each, a list over repeats. batches: in a peer's epoch. ours_epochs: of ours in a repeat."""
    images = np.random.default_rng(0).integers(256, size=((batches + WARM_UP) * BATCH, 32, 32, 3), dtype=np.uint8)
    ours = TrainLoader(
        torch.from_numpy(images),
        torch.zeros(len(images), dtype=torch.int64),
        augment=Baseline(image_size=(32, 32)),
        normalize=Normalize(MEAN, STD, (32, 32)),
        batch_size=BATCH,
        seed=1,
    )
    peers = {"PIL": pil(images), "v2": tensors(images)}
    for loader in (*peers.values(), ours.epoch(0)):
        rate(loader, 0)  # starts the workers, touches the memory
    rates: dict[str, list[float]] = {name: [] for name in [*map(label, threads), *peers]}
    for _ in range(repeats):
        for count in threads:
            torch.set_num_threads(count)
            # Whole epochs: what an epoch costs before its first batch is counted.
            rates[label(count)].append(rate((batch for epoch in range(ours_epochs) for batch in ours.epoch(epoch)), 0))
        for name, loader in peers.items():
            rates[name].append(rate(loader, WARM_UP))
    return rates


def label(threads: int) -> str:
    return f"recipelab, {threads} thread{'s' * (threads > 1)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repeats")
    threads = sorted({1, torch.get_num_threads()})
    rates = measure(*((5, 40, 5) if parser.parse_args().quick else (15, 120, 20)), threads)
    print(f"torch {torch.__version__}; images/s: median (lowest to highest)")
    for name, values in rates.items():
        print(f"  {name:22} {statistics.median(values):>10,.0f}   ({min(values):,.0f} to {max(values):,.0f})")
    peer = max(("PIL", "v2"), key=lambda name: statistics.median(rates[name]))
    ratios = {name: [mine / theirs for mine, theirs in zip(rates[name], rates[peer], strict=True)] for name in rates}
    print(f"ratio to {peer}, the better peer, within each repeat: median (lowest to highest)")
    for name in map(label, threads):
        values = ratios[name]
        print(f"  {name:22} {statistics.median(values):>10.1f}   ({min(values):.1f} to {max(values):.1f})")
    headline = statistics.median(ratios[label(1)])
    verdict = "stretch met" if headline >= STRETCH else "goal met" if headline >= GOAL else "GOAL MISSED"
    print(f"goal {GOAL}, stretch {STRETCH}, on one thread: {verdict}")


if __name__ == "__main__":
    main()
