"""Data that are arrays already: NumPy files of one, two or three spatial dimensions, with labels or float targets."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.data.array_files import ArrayFiles, find_arrays, require_memory
from recipelab.data.npy import Stored
from recipelab.data.pool import Pool, Say
from recipelab.data.targets import Targets, Task, to_targets

Channels = Literal["auto", "none", "first", "last"]
_FEW = 4  # an axis of so many at most is taken for the channels
_EXACT = 2**24  # integers that float32 holds exactly


class Arrays:
    """Images and targets from one `.npz`, or from a folder with `train.npz` (and `test.npz`) or `.npy` files.

    root: the file or folder. Arrays are told by their names: `images` (or x, data) and `targets` (or labels, y), with
        `train` or `test` before or after them where there are two parts, as in x_train or test_labels. Without a test
        part, one is split off.
    channels: where the axis of the channels is: "none" (N, *S), "first" (N, C, *S), "last" (N, *S, C). "auto": of two
        or three axes none; of four or five the last, else the second, if it is one of at most 4, else none.
    task: "auto": float targets are a regression, integers and names are classes. Integers can be regressed, too, if
        told so; floats cannot be classes.
    num_classes: of integer classes, where the training part need not hold the largest.

    uint8 images are kept as bytes. Other integers in 0..255 become bytes, larger ones float32; bool becomes 0 and 255;
    floats are float32, as they are. Nothing is unpickled.
    """

    def __init__(
        self,
        *,
        root: str,
        channels: Channels = "auto",
        task: Task = "auto",
        num_classes: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        self.root = root
        self.channels = channels
        self.task = task
        self.num_classes = num_classes

    def facts(self) -> dict[str, object]:
        """From the headers of the images and from the targets, which are small.

        Raises UserError for what is not there, does not fit together, or has targets that are none.
        """
        train = self._files.train
        sizes = _layout(train.images, self.channels)
        return {
            "task": self._targets.task,
            "num_classes": self._targets.width,
            "input_channels": sizes[-1],
            "image_size": sizes[:-1],
            "class_names": self._targets.names,
            "image_dtype": self._kind,
        }

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Train and test pool. Raises UserError for values that are not finite, or more than fit in memory."""
        files = self._files
        require_memory([part.images for part in (files.train, files.test) if part])
        for line in [*files.remarks, *self._targets.remarks]:
            say(line)
        train = self._pool(files.train.images, self._targets.train)
        if files.test is None or self._targets.test is None:
            return train, None
        return train, self._pool(files.test.images, self._targets.test)

    @cached_property
    def _files(self) -> ArrayFiles:
        files = find_arrays(self.root)
        if files.test and _layout(files.test.images, self.channels) != _layout(files.train.images, self.channels):
            raise UserError(
                f"data.root={self.root!r}: images are {files.train.images.shape[1:]} in train"
                f" and {files.test.images.shape[1:]} in test"
            )
        return files

    @cached_property
    def _targets(self) -> Targets:
        files = self._files
        test = files.test.targets.read() if files.test else None
        train = files.train.targets.read()
        return to_targets(train, test, task=self.task, classes=self.num_classes, where=f"data.root={self.root!r}")

    @cached_property
    def _kind(self) -> str:
        """What images become: bytes if every value of both parts is one, else float32."""
        stored = [part.images for part in (self._files.train, self._files.test) if part]
        for array in stored:
            if array.dtype.kind not in "biuf":
                raise UserError(f"{array.file}: images of type {array.dtype} are not read; save uint8 or float32")
        bytes_ = all(
            a.dtype.kind in "biu" and (a.dtype.itemsize == 1 and a.dtype.kind != "i" or _is_bytes(a)) for a in stored
        )
        return "uint8" if bytes_ else "float32"

    def _pool(self, stored: Stored, targets: torch.Tensor) -> Pool:
        pixels = _pixels(stored.read(), self._kind, f"{stored.file}: {stored.name!r}")
        sizes = _layout(stored, self.channels)
        if _place(stored, self.channels) == "first":
            pixels = np.moveaxis(pixels, 1, -1)
        return Pool(torch.from_numpy(np.ascontiguousarray(pixels.reshape(len(pixels), *sizes))), targets)


def _place(stored: Stored, channels: Channels) -> Channels:
    """`channels`, with "auto" decided by the shape."""
    shape = stored.shape
    if channels != "auto":
        return channels
    if len(shape) < 4:
        return "none"
    return "last" if shape[-1] <= _FEW else "first" if shape[1] <= _FEW else "none"


def _layout(stored: Stored, channels: Channels) -> tuple[int, ...]:
    """(*S, C) of an array of images. Raises UserError when it has not one to three spatial dimensions."""
    place, shape = _place(stored, channels), stored.shape
    sizes = {"none": (*shape[1:], 1), "last": shape[1:], "first": (*shape[2:], *shape[1:2])}[place]
    if not 2 <= len(sizes) <= 4 or 0 in shape:
        raise UserError(
            f"{stored.file}: {stored.name!r} is {shape}, with data.channels={channels}: (N, *S), (N, C, *S) or"
            " (N, *S, C) with one to three spatial sizes S is expected, and nothing empty"
        )
    return tuple(sizes)


def _is_bytes(stored: Stored) -> bool:
    """Whether integers of another type are all in 0..255."""
    values = stored.read()
    return bool(values.min() >= 0 and values.max() <= 255)


def _pixels(values: NDArray[Any], kind: str, what: str) -> NDArray[Any]:
    """`values` as uint8 or float32. Raises UserError for floats that are not finite, integers too large for float32."""
    if kind == "uint8":
        return values.astype(np.uint8) * np.uint8(255) if values.dtype == bool else values.astype(np.uint8, copy=False)
    if values.dtype.kind in "iu" and max(-int(values.min()), int(values.max())) > _EXACT:
        raise UserError(f"{what} has integers up to {values.max():,}, which float32 does not hold exactly: scale them")
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32, copy=False)
    finite = np.isfinite(floats).reshape(len(floats), -1).all(1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise UserError(
            f"{what}: {int((~finite).sum()):,} images have values that are no finite float32, the first is row {row}"
        )
    return floats
