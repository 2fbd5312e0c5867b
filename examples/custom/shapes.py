"""A data set of your own: any torch Dataset of (image, target). Here discs, squares and rings of 24x24 pixels."""

import numpy as np
from torch.utils.data import Dataset

CLASSES = ["disc", "square", "ring"]


class Shapes(Dataset):
    classes = CLASSES

    def __init__(self, *, count: int = 600, seed: int = 0) -> None:
        self.seed = seed
        self.targets = [index % len(CLASSES) for index in range(count)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        rng = np.random.default_rng([self.seed, index])
        top, left = np.mgrid[:24, :24] - rng.integers(8, 16, (2, 1, 1))
        radius, label = rng.uniform(4, 7), self.targets[index]
        distance = np.maximum(abs(top), abs(left)) if label == 1 else np.hypot(top, left)
        inside = (distance < radius) & ((distance > radius / 2) if label == 2 else True)
        image = rng.integers(0, 90, (24, 24, 3)) + inside[..., None] * rng.integers(40, 160, 3)
        return image.astype(np.uint8), label
