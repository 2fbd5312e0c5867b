"""A folder of photographs of different sizes, to read: random crops of the two that install with scikit-learn.

    python benchmarks/photographs.py FOLDER [--count 2400]

`china.jpg` and `flower.jpg` are 640x427 pixels. A crop has a height of 150 to 427 pixels and a width of 150 to 640,
both uniform, at a uniform place; it is written as JPEG of quality 90, about 30 kB, into
FOLDER/train/china, .../flower, and, one in twelve, FOLDER/test/... The same count gives the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("china", "flower")
LEAST, EVERY = 150, 12


def write(folder: Path, count: int) -> None:
    """Write `count` crops, of either photograph in turn; one in twelve belongs to the test part."""
    from sklearn.datasets import load_sample_image

    whole = {name: load_sample_image(f"{name}.jpg") for name in NAMES}
    rng = np.random.default_rng(0)
    for number in range(count):
        name = NAMES[number % 2]
        part = folder / ("test" if number // 2 % EVERY == 0 else "train") / name
        part.mkdir(parents=True, exist_ok=True)
        image = whole[name]
        height, width = (int(rng.integers(LEAST, edge + 1)) for edge in image.shape[:2])
        top, left = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
        Image.fromarray(image[top : top + height, left : left + width]).save(part / f"{number:05}.jpg", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=2400)
    given = parser.parse_args()
    write(given.folder, given.count)
    print(f"wrote {given.count:,} photographs to {given.folder}")


if __name__ == "__main__":
    main()
