"""MNIST and Fashion-MNIST: Y. LeCun, C. Cortes, C. Burges 1998; H. Xiao, K. Rasul, R. Vollgraf 2017, arXiv 1708.07747.

Download, checksums and reading are torchvision's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from recipelab.core.errors import UserError
from recipelab.data.pool import Pool, Say

if TYPE_CHECKING:
    from torchvision.datasets import MNIST as Archive

FASHION_NAMES = (
    *("t-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


class MNIST:
    """60,000 training and 10,000 test images of 28x28 grey pixels: handwritten digits, ten classes.

    root: folder that holds `MNIST/raw`, or is to hold it.
    download: fetch the files (11 MB) when they are not there.
    """

    names: tuple[str, ...] = tuple("0123456789")

    def __init__(self, *, root: str, download: bool = True) -> None:
        self.root = root
        self.download = download

    def facts(self) -> dict[str, object]:
        """Everything but the statistics is known without the files."""
        told = {"task": "classification", "num_classes": 10, "input_channels": 1, "image_size": (28, 28)}
        return {**told, "class_names": self.names}

    def load(self, say: Say) -> tuple[Pool, Pool]:
        """Train pool (60000, 28, 28, 1) and test pool (10000, 28, 28, 1), uint8.

        Raises UserError when files are missing and are not, or cannot be, fetched.
        """
        from torchvision.datasets import MNIST as Archive

        return _load(Archive, self.root, self.download, say)


class FashionMNIST(MNIST):
    """The same for articles of clothing. root: holds `FashionMNIST/raw`. download: 31 MB."""

    names = FASHION_NAMES

    def load(self, say: Say) -> tuple[Pool, Pool]:
        """As of MNIST."""
        from torchvision.datasets import FashionMNIST as Archive

        return _load(Archive, self.root, self.download, say)


def _load(archive: type[Archive], root: str, download: bool, say: Say) -> tuple[Pool, Pool]:
    folder = Path(root).expanduser()
    try:
        return _read(archive, folder)
    except RuntimeError as error:  # torchvision: a file is missing, or cut
        if not download:
            raise UserError(
                f"data.root={str(folder)!r} does not hold {archive.__name__}/raw whole: {', '.join(_files(archive))}\n"
                "  fix: data.download=true, or put those files there"
            ) from error
    say(f"fetching {archive.__name__} to {folder}")
    _fetch(archive, folder)
    return _read(archive, folder)


def _read(archive: type[Archive], folder: Path) -> tuple[Pool, Pool]:
    """Both pools. Raises RuntimeError when a file is missing, UserError when one is cut or of another kind."""
    try:
        parts = [archive(folder, train=train) for train in (True, False)]
    except (ValueError, AssertionError, OSError, IndexError, TypeError, KeyError) as error:
        raise UserError(
            f"data.root={str(folder)!r}: the files of {archive.__name__}/raw cannot be read: {error}\n"
            "  fix: remove them, so that they are fetched again"
        ) from error
    train, test = (Pool(part.data.unsqueeze(-1).contiguous(), part.targets.to(torch.int64)) for part in parts)
    return train, test


def _files(archive: type[Archive]) -> list[str]:
    return [name.removesuffix(".gz") for name, _ in archive.resources]


def _fetch(archive: type[Archive], folder: Path) -> None:
    """Download and unpack beside the final place, then move file by file: two processes may do so at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            archive(scratch, download=True)
            place = Path(archive.__name__) / "raw"
            (folder / place).mkdir(parents=True, exist_ok=True)
            for name in _files(archive):
                os.replace(Path(scratch) / place / name, folder / place / name)
    except (OSError, RuntimeError) as error:  # no network, no space, a wrong checksum
        raise UserError(
            f"{archive.__name__} could not be fetched to data.root={str(folder)!r}: {error}\n"
            f"  fix: put {archive.__name__}/raw/ ({', '.join(_files(archive))}) into that folder"
        ) from error
