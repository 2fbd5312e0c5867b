"""CIFAR-10 and CIFAR-100: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

Download, checksums and reading are torchvision's. The files are pickles, which can run code when read: torchvision
compares the MD5 of every file with a known value before it reads one, and so a file that was tampered with is refused.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from recipelab.core.errors import UserError
from recipelab.data.pool import Pool, Say

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10 as Archive

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# fmt: off
CIFAR100_NAMES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
    "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum",
    "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf",
    "woman", "worm",
)
# fmt: on


class CIFAR10:
    """50,000 training and 10,000 test images of 32x32 RGB pixels, ten classes.

    root: folder that holds `cifar-10-batches-py`, or is to hold it.
    download: fetch the archive (170 MB) when the files are not there.
    """

    def __init__(self, *, root: str, download: bool = True) -> None:
        self.root = root
        self.download = download

    def facts(self) -> dict[str, object]:
        """Everything but the statistics is known without the files."""
        return _facts(CIFAR10_NAMES)

    def load(self, say: Say) -> tuple[Pool, Pool]:
        """Train pool (50000, 32, 32, 3) and test pool (10000, 32, 32, 3), uint8.

        Raises UserError when files are missing or do not match their checksums and cannot be fetched.
        """
        from torchvision.datasets import CIFAR10 as Archive

        return _load(Archive, self.root, self.download, say)


class CIFAR100:
    """50,000 training and 10,000 test images of 32x32 RGB pixels, a hundred classes.

    root: folder that holds `cifar-100-python`, or is to hold it.
    download: fetch the archive (169 MB) when the files are not there.
    """

    def __init__(self, *, root: str, download: bool = True) -> None:
        self.root = root
        self.download = download

    def facts(self) -> dict[str, object]:
        """Everything but the statistics is known without the files."""
        return _facts(CIFAR100_NAMES)

    def load(self, say: Say) -> tuple[Pool, Pool]:
        """Train pool (50000, 32, 32, 3) and test pool (10000, 32, 32, 3), uint8.

        Raises UserError when files are missing or do not match their checksums and cannot be fetched.
        """
        from torchvision.datasets import CIFAR100 as Archive

        return _load(Archive, self.root, self.download, say)


def _facts(names: tuple[str, ...]) -> dict[str, object]:
    return {
        "task": "classification",
        "num_classes": len(names),
        "input_channels": 3,
        "image_size": (32, 32),
        "class_names": names,
    }


def _load(archive: type[Archive], root: str, download: bool, say: Say) -> tuple[Pool, Pool]:
    folder = Path(root).expanduser()
    try:
        return _read(archive, folder)
    except RuntimeError as error:  # torchvision: a file is missing, or does not match its checksum
        wrong = [f"  {name}: {reason}" for name, reason in _wrong_files(archive, folder)]
        if not download:
            lines = [f"data.root={str(folder)!r} does not hold the files of {archive.filename}:", *wrong]
            raise UserError("\n".join([*lines, "  fix: data.download=true, or put those files there"])) from error
    say(f"fetching {archive.filename} to {folder} ({len(wrong)} of its files are missing or altered)")
    _fetch(archive, folder)
    return _read(archive, folder)


def _read(archive: type[Archive], folder: Path) -> tuple[Pool, Pool]:
    """Both pools. Raises RuntimeError, before anything is unpickled, when a file is not the published one."""
    with warnings.catch_warnings():
        # The published pickles were written by an old NumPy, of whose dtypes NumPy 2.4.0 to 2.4.4 warn (#29301).
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return _pool(archive(folder, train=True)), _pool(archive(folder, train=False))


def _pool(data: Archive) -> Pool:
    images = np.ascontiguousarray(data.data)
    return Pool(torch.from_numpy(images), torch.tensor(data.targets, dtype=torch.int64))


def _files(archive: type[Archive]) -> list[tuple[str, str]]:
    """(file name, MD5) of every file that torchvision reads."""
    parts = [(name, md5) for name, md5 in archive.train_list + archive.test_list]
    return [*parts, (archive.meta["filename"], archive.meta["md5"])]


def _wrong_files(archive: type[Archive], folder: Path) -> Iterator[tuple[str, str]]:
    """(path relative to `folder`, what is wrong with it) of each file that cannot be used."""
    from torchvision.datasets.utils import check_integrity

    for name, md5 in _files(archive):
        path = folder / archive.base_folder / name
        if not path.is_file():
            yield f"{archive.base_folder}/{name}", "missing"
        elif not check_integrity(path, md5):
            yield f"{archive.base_folder}/{name}", "does not match its checksum"


def _fetch(archive: type[Archive], folder: Path) -> None:
    """Download and unpack beside the final place, then move file by file: two processes may do so at once."""
    from torchvision.datasets.utils import check_integrity

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            given = folder / archive.filename
            if check_integrity(given, archive.tgz_md5):  # the archive itself was put there
                (Path(scratch) / archive.filename).symlink_to(given.absolute())
            archive(scratch, download=True)
            (folder / archive.base_folder).mkdir(exist_ok=True)
            for name, _ in _files(archive):
                os.replace(Path(scratch) / archive.base_folder / name, folder / archive.base_folder / name)
    except (OSError, HTTPException, RuntimeError) as error:  # no network, no space, a wrong checksum
        raise UserError(
            f"{archive.url} could not be fetched to data.root={str(folder)!r}: {error}\n"
            f"  fix: put {archive.base_folder}/ ({', '.join(name for name, _ in _files(archive))})\n"
            f"       or {archive.filename} into that folder, or set data.root to the folder that has it"
        ) from error
