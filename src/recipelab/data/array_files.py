"""Which arrays of a file or folder are images and targets, of the training and of the test part: told by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from recipelab.core.errors import UserError
from recipelab.data.npy import Stored, stored_arrays

IMAGES = ("images", "image", "x", "data")
TARGETS = ("targets", "target", "labels", "label", "y")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "val"
)


@dataclass(frozen=True)
class Part:
    """Images with as many targets."""

    images: Stored
    targets: Stored


@dataclass(frozen=True)
class ArrayFiles:
    """The parts found; remarks: what lies there and is not used, as lines to print."""

    train: Part
    test: Part | None
    remarks: list[str] = field(default_factory=list)


def find_arrays(root: str) -> ArrayFiles:
    """The parts in a `.npz`, or in the `.npz` and `.npy` files of a folder.

    Raises UserError when there is no such file, an array is missing or there twice, or lengths differ.
    """
    place = Path(root).expanduser()
    if not place.exists():
        raise UserError(
            f"data.root={root!r} does not exist: a .npz file, or a folder of .npz or .npy files is expected"
        )
    files = sorted(f for f in place.iterdir() if f.suffix in (".npz", ".npy")) if place.is_dir() else [place]
    found: dict[tuple[str, str], Stored] = {}
    unused = []
    arrays = [array for file in files for array in stored_arrays(file)]
    for array in arrays:
        role = _role(array)
        if role is None or role[0] == "val":
            unused.append(array.name)
        elif role in found:
            raise UserError(f"data.root={root!r}: both {_shown(found[role])} and {_shown(array)} are {' '.join(role)}")
        else:
            found[role] = array
    train = _part(root, "train", found, arrays)
    assert train is not None
    remarks = [f"not used: {', '.join(sorted(unused))}"] if unused else []
    return ArrayFiles(train, _part(root, "test", found, arrays), remarks)


def _role(array: Stored) -> tuple[str, str] | None:
    """(train, test or val; images or targets), from the array's name, or that of its file for the part."""
    words = array.name.lower().replace("-", "_").split("_")
    outside = array.file.stem.lower().replace("-", "_").split("_") if array.name != array.file.stem else []
    kinds = ["images" for w in words if w in IMAGES] + ["targets" for w in words if w in TARGETS]
    parts = [PARTS[w] for w in (*words, *outside) if w in PARTS]
    strange = [w for w in words if w not in (*IMAGES, *TARGETS, *PARTS)]
    return ((parts or ["train"])[0], kinds[0]) if len(kinds) == 1 and not strange else None


def _part(root: str, name: str, found: dict[tuple[str, str], Stored], arrays: Sequence[Stored]) -> Part | None:
    images, targets = found.get((name, "images")), found.get((name, "targets"))
    if images is None and targets is None and name != "train":
        return None
    if images is None or targets is None:
        what, names = ("images", IMAGES) if images is None else ("targets", TARGETS)
        there = ", ".join(_shown(array) for array in arrays) or "nothing"
        raise UserError(
            f"data.root={root!r} has no {what} of the {name} part: an array named {' or '.join(names)} is expected"
            f" (or {name}_{names[0]}), and there is {there}"
        )
    counts = [array.shape[0] if array.shape else 0 for array in (images, targets)]
    if counts[0] != counts[1]:
        raise UserError(
            f"data.root={root!r}: {counts[0]:,} images ({_shown(images)}) have {counts[1]:,} targets"
            f" ({_shown(targets)})"
        )
    return Part(images, targets)


def _shown(array: Stored) -> str:
    return f"{array.name!r} {array.shape} {array.dtype}"


def require_memory(images: Sequence[Stored]) -> None:
    """Raise UserError when the images, as they are read and as they are kept, do not fit in the free memory."""
    wanted = sum(math.prod(array.shape) * array.dtype.itemsize for array in images)
    free = psutil.virtual_memory().available
    if wanted > free:
        raise UserError(
            f"the arrays take {wanted / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free\n"
            "  fix: fewer or smaller images, or uint8 in place of floats"
        )
