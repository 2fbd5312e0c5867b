"""Augmentation on whole batches against torchvision image by image: images/s of policies, and the cost of mixing.

    python benchmarks/augment.py [--quick] [--threads N]

The same policies three ways, from images in memory to normalised batches, on the CPU:

    recipelab   TrainLoader with the policy, in this process
    PIL         torchvision transforms on PIL images, DataLoader with 2 workers
    v2          torchvision.transforms.v2 on uint8 tensors, image by image, DataLoader with 2 workers

at 32x32 in batches of 128: crop and flip; RandAugment (2 operations at 9) with random erasing; AutoAugment (CIFAR-10).
At 224x224 in batches of 32: RandAugment alone. Every repeat measures all of them one after the other, and the ratio to
the better peer is formed within a repeat. Where kornia is installed its figures stand beside them: it draws one
operation for a whole batch, which is less work and not the method.

Mixing: time of mixup and cutmix for a batch of 128 images of 32x32.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.transforms import v2

from loader import MEAN, STD, WORKERS, Transformed
from recipelab.augment.autoaugment import autoaugment
from recipelab.augment.baseline import Baseline
from recipelab.augment.chain import Chain
from recipelab.augment.normalize import Normalize
from recipelab.augment.primitives import PRIMITIVES
from recipelab.augment.randaugment import randaugment
from recipelab.data.loader import TrainLoader
from recipelab.mix.cutmix import CutMix
from recipelab.mix.mixup import Mixup
from timing import Figure, Report, finish, parser

GOALS = {"crop and flip": (8, 15), "RandAugment and erasing": (5, 10), "AutoAugment": (4, 8)}
WARM_UP = 6  # batches of a peer before its clock starts: workers run, the queue filled meanwhile is empty


def ours(name: str, size: int) -> Any:
    """The policy as an augment slot."""
    facts = {"image_size": (size, size), "input_channels": 3, "mean": MEAN}
    if name == "AutoAugment":
        return autoaugment(**facts, cutout=0)
    if name == "RandAugment and erasing":
        return Chain({"policy": randaugment(**facts, cutout=0), "erasing": PRIMITIVES["random_erasing"](**facts)})
    if name == "RandAugment, 224x224":
        return randaugment(**facts, cutout=0)
    return Baseline(image_size=(size, size))


def theirs(name: str, size: int, module: Any) -> list[Any]:
    """The transforms of torchvision's `module` before normalisation, and those after it."""
    before = [module.RandomCrop(size, padding=4), module.RandomHorizontalFlip()]
    if name == "AutoAugment":
        before.append(module.AutoAugment(module.AutoAugmentPolicy.CIFAR10))
    elif name != "crop and flip":
        before.append(module.RandAugment())
    scaled = transforms.ToTensor() if module is transforms else v2.ToDtype(torch.float32, scale=True)
    after = [module.RandomErasing()] if name == "RandAugment and erasing" else []
    return [*before, scaled, module.Normalize(MEAN, STD), *after]


def peer(name: str, images: np.ndarray, module: Any, batch: int) -> DataLoader[Any]:
    """torchvision's way: a DataLoader whose workers are kept between epochs."""
    size = images.shape[1]
    stored: list[Any] = (
        [Image.fromarray(image) for image in images]
        if module is transforms
        else list(torch.from_numpy(images).movedim(-1, 1).contiguous())
    )
    data = Transformed(stored, module.Compose(theirs(name, size, module)))
    return DataLoader(data, batch, shuffle=True, num_workers=WORKERS, persistent_workers=True, drop_last=True)


def kornia_pipeline(name: str, images: np.ndarray, batch: int) -> Callable[[], int] | None:
    """A pass of kornia over the images, or None where it has no such policy or is not installed."""
    if importlib.util.find_spec("kornia") is None or name.endswith("224x224"):
        return None
    from kornia import augmentation as K

    size = images.shape[1]
    steps: list[Any] = [K.RandomCrop((size, size), padding=4), K.RandomHorizontalFlip()]
    if name == "AutoAugment":
        steps.append(K.auto.AutoAugment("cifar10"))
    elif name != "crop and flip":
        steps += [K.auto.RandAugment(n=2, m=9), K.RandomErasing()]
    pipeline = K.AugmentationSequential(*steps, K.Normalize(torch.tensor(MEAN), torch.tensor(STD)), data_keys=["input"])
    stored = torch.from_numpy(images).movedim(-1, 1).contiguous()

    def once() -> int:
        for part in stored.split(batch):
            pipeline(part.float() / 255)
        return len(stored)

    return once


def rate(work: Callable[[], int]) -> float:
    """Images/s of a piece of work that returns how many it made."""
    begin = time.perf_counter()
    return work() / (time.perf_counter() - begin)


def compare(name: str, size: int, batch: int, batches: int, repeats: int) -> list[Figure]:
    """Ratio to the better peer, and the rates behind it."""
    images = np.random.default_rng(0).integers(256, size=((batches + WARM_UP) * batch, size, size, 3), dtype=np.uint8)
    loader = TrainLoader(
        torch.from_numpy(images),
        torch.zeros(len(images), dtype=torch.int64),
        augment=ours(name, size),
        normalize=Normalize(MEAN, STD, (size, size)),
        batch_size=batch,
        seed=1,
    )
    peers = {"PIL": peer(name, images, transforms, batch), "v2": peer(name, images, v2, batch)}
    extra = kornia_pipeline(name, images, batch)
    rates: dict[str, list[float]] = {key: [] for key in ["recipelab", *peers, *(["kornia"] if extra else [])]}

    def whole(epochs: int) -> int:
        return sum(len(made.images) for epoch in range(epochs) for made in loader.epoch(epoch))

    for repeat in range(repeats + 1):  # the first starts the workers and touches the memory
        found = {"recipelab": rate(lambda: whole(3))}
        for key, other in peers.items():
            running = iter(other)
            for _ in range(WARM_UP):
                next(running)
            found[key] = rate(lambda running=running: batch * sum(1 for _ in running))  # type: ignore[misc]
        if extra:
            found["kornia"] = rate(extra)
        for key, value in found.items():
            if repeat:
                rates[key].append(value)
    best = max(peers, key=lambda key: statistics.median(rates[key]))
    ratios = [mine / other for mine, other in zip(rates["recipelab"], rates[best], strict=True)]
    goal = GOALS.get(name, (None,))[0]
    return [
        Figure(f"{name} / torchvision {best}", ratios, "", goal),
        *(Figure(f"  {key}", values, "images/s") for key, values in rates.items()),
    ]


def mixing(repeats: int) -> list[Figure]:
    """Milliseconds of a batch of 128."""
    images = torch.randn(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(128) % 10
    figures = []
    for name, mix in (("mixup", Mixup()), ("cutmix", CutMix()), ("cutmix, per sample", CutMix(per="sample"))):
        values = []
        for _ in range(repeats * 20):
            begin = time.perf_counter()
            mix(images, labels)
            values.append(1000 * (time.perf_counter() - begin))
        figures.append(Figure(f"{name}, a batch of 128", values[repeats:], "ms"))
    return figures


def measure(given: Namespace) -> Report:
    """given: the options of the command line."""
    torch.set_num_threads(given.threads or torch.get_num_threads())
    figures = [figure for name in GOALS for figure in compare(name, 32, 128, given.batches, given.repeats)]
    figures += compare("RandAugment, 224x224", 224, 32, max(2, given.batches // 8), given.repeats)
    figures += mixing(given.repeats)
    settings = f"{torch.get_num_threads()} threads, peers with {WORKERS} workers, {given.repeats} repeats"
    stretch = ", ".join(f"{name} {far}" for name, (_, far) in GOALS.items())
    return Report("augment", settings, figures, (f"stretch goals: {stretch}",))


def main(arguments: list[str] | None = None) -> Report:
    """Measure as the command line says."""
    options = parser(__doc__ or "")
    options.add_argument("--threads", type=int, help="of ours (default: as many as torch takes)")
    options.add_argument("--repeats", type=int, default=7, help="default: %(default)s")
    options.add_argument("--batches", type=int, default=60, help="in an epoch (default: %(default)s)")
    given = options.parse_args(arguments)
    if given.quick:
        given.repeats, given.batches = 2, 8
    return finish(measure(given), given.json)


if __name__ == "__main__":
    main()
