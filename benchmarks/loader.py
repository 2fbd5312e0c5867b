"""The training loader against torchvision's pipelines: images/s for CIFAR-sized images with the baseline augmentation.

    python benchmarks/loader.py [--quick] [--threads N]

Three ways to the same batches (128 images of 32x32x3, pad 4 and crop, flip, normalise), in memory, on the CPU:

    recipelab   TrainLoader with augment=baseline, in this process
    PIL         torchvision transforms on PIL images, DataLoader with 2 workers
    v2          torchvision.transforms.v2 on uint8 tensors, image by image, DataLoader with 2 workers

Every repeat measures all three, one after the other; the ratio is formed within a repeat. A peer's clock starts after
warm-up batches, when its workers are running and its queue, filled while nobody was waiting, is empty.

Run it on a quiet machine: with another busy process on two cores, our two threads wait for each other at the end of
every operation, which costs a factor of 10 and more; one thread (`--threads 1`) loses no more than its share.
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


def measure(repeats: int, batches: int, ours_epochs: int) -> dict[str, list[float]]:
    """Images/s of the three, a list over repeats each. batches: in a peer's epoch. ours_epochs: of ours in a repeat."""
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
    for loader in peers.values():
        rate(loader, 0)  # starts the workers
    rate(ours.epoch(0), 0)
    rates: dict[str, list[float]] = {"recipelab": [], **{name: [] for name in peers}}
    for _ in range(repeats):
        # Whole epochs, what an epoch costs before its first batch included.
        rates["recipelab"].append(rate((batch for epoch in range(ours_epochs) for batch in ours.epoch(epoch)), 0))
        for name, loader in peers.items():
            rates[name].append(rate(loader, WARM_UP))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repeats")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of ours (default: torch's)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rates = measure(*((7, 40, 10) if options.quick else (15, 120, 20)))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; images/s: median (lowest to highest)")
    for name, values in rates.items():
        print(f"  {name:10} {statistics.median(values):>12,.0f}   ({min(values):,.0f} to {max(values):,.0f})")
    peer = max(("PIL", "v2"), key=lambda name: statistics.median(rates[name]))
    ratios = [mine / theirs for mine, theirs in zip(rates["recipelab"], rates[peer], strict=True)]
    ratio = statistics.median(ratios)
    verdict = "stretch met" if ratio >= STRETCH else "goal met" if ratio >= GOAL else "GOAL MISSED"
    print(f"recipelab / {peer} = {ratio:.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    print(f"goal {GOAL}, stretch {STRETCH}: {verdict}")


if __name__ == "__main__":
    main()
