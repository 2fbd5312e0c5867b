"""A user's own torch Datasets: `data.train`, `data.test` and perhaps `data.val`, each by its `_target_`.

Any map-style dataset whose items are (image, target). An image is a PIL image (brought to `image_size` as files are),
an array (*S, C) or (*S) as NumPy and PIL order it, or a tensor (C, *S) as torch does; of uint8, or of
floats, which stay as they are. A target is an int, or floats for a regression.

Items may be drawn: before each, Python's, NumPy's and torch's default generators are seeded by (seed, epoch, position
in the epoch), in training; in evaluation by the position alone, so that it shows the same every time. So the draws are
the same for any number of workers, and after a resume. The validation part that is split off `data.train` is drawn,
too: where evaluation must not be, leave random transforms to the augment slot, or give a `data.val` without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.data.decode import fit, plain, upright
from recipelab.data.pool import Pool, Say
from recipelab.data.stream import Desk, Stream, performed
from recipelab.data.workers import Task, generators_kept, seed_sample

LOOKED_AT = 16  # items that stand for a dataset's content in its digest
PARTS = ("train", "test", "val")


class Datasets:
    """Datasets as a data slot.

    train: its items are trained on. test: the test part; split off `train` when there is none. val: the validation
        part; split off `train` when there is none.
    image_size: (height, width) that PIL images are brought to; by default that of the first item.
    storage: "stream": an item is asked for anew whenever its turn comes, by worker processes. "memory": every item is
        asked for once, so that what it draws is drawn once. "auto" is "stream".

    Class names are those of `train.classes`, where it has them. Labels are read from `targets` or `labels` of a
    dataset, where it has one a sample (as torchvision's have); else every item is asked for once to learn them.
    """

    def __init__(
        self,
        *,
        train: Any,
        test: Any = None,
        val: Any = None,
        image_size: int | list[int] | None = None,
        num_classes: int | None = None,
        storage: Literal["auto", "memory", "stream"] = "auto",
    ) -> None:
        self.parts = {name: part for name, part in zip(PARTS, (train, test, val), strict=True) if part is not None}
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else image_size
        self.num_classes = num_classes
        self.storage = storage

    def facts(self) -> dict[str, object]:
        """From the first item, and what the dataset says of its classes. Raises UserError when it is no image."""
        image, target = self._first
        names = tuple(str(name) for name in getattr(self.parts["train"], "classes", None) or ())
        regression = target.dtype.kind == "f"
        return {
            "task": "regression" if regression else "classification",
            "num_classes": target.size if regression else self.num_classes or len(names) or None,
            "input_channels": image.shape[-1],
            "image_size": image.shape[:-1],
            "class_names": () if regression else names,
        } | ({"image_dtype": str(image.dtype)} if image.dtype != np.uint8 else {})

    def load(self, say: Say) -> tuple[Pool, Pool | None, Pool | None]:
        """Pools of the training, test and validation part. Raises UserError for labels out of range."""
        reader = ItemReader(list(self.parts.values()), list(self.parts), self._first[0])
        desk = Desk(reader, say)
        bounds = [0, *accumulate(len(part) for part in self.parts.values())]
        pools: dict[str, Pool] = {}
        for name, begin, end in zip(self.parts, bounds, bounds[1:], strict=False):
            stream = Stream(desk, torch.arange(begin, end))
            pool = Pool(stream, self._targets(name, reader, range(begin, end), say))
            pools[name] = pool.in_memory() if self.storage == "memory" else pool
        return pools["train"], pools.get("test"), pools.get("val")

    @cached_property
    def _first(self) -> tuple[NDArray[Any], NDArray[Any]]:
        for name, part in self.parts.items():
            if not (hasattr(part, "__len__") and hasattr(part, "__getitem__")) or len(part) == 0:
                raise UserError(f"data.{name}: {type(part).__name__} has no items: a map-style Dataset is expected")
        with generators_kept():
            seed_sample(0)
            try:
                item = self.parts["train"][0]
            except Exception as error:
                raise UserError(f"data.train: its first item cannot be had: {type(error).__name__}: {error}") from error
        return item_image("data.train", item, self.image_size), item_target("data.train", item)

    def _targets(self, name: str, reader: ItemReader, rows: range, say: Say) -> Tensor:
        """(N,) int64 labels or (N, T) float32 targets of a part."""
        part = self.parts[name]
        for attribute in ("targets", "labels"):
            held = getattr(part, attribute, None)
            if held is not None and hasattr(held, "__len__") and len(held) == len(part):
                found = np.asarray(held)
                break
        else:
            say(f"data.{name} has no targets to read off: asking for each of its {len(part):,} items once")
            found = np.stack([reader.target(row) for row in rows])
        if found.dtype.kind == "f":
            return torch.from_numpy(found.astype(np.float32)).reshape(len(part), -1)
        labels = torch.from_numpy(found.astype(np.int64)).reshape(-1)
        classes = self.facts()["num_classes"]
        if (
            len(labels) != len(part)
            or int(labels.min()) < 0
            or (isinstance(classes, int) and int(labels.max()) >= classes)
        ):
            raise UserError(
                f"data.{name}: labels are {int(labels.min())} to {int(labels.max())}, and data.num_classes={classes}"
                " takes 0 to one less"
            )
        return labels


class ItemReader:
    """Reads the items of several datasets, one after the other in number. shape, dtype: of the first item's image."""

    patient = False
    advice = "mend that item, or leave it out of the dataset"

    def __init__(self, parts: Sequence[Any], names: Sequence[str], first: NDArray[Any]) -> None:
        self.parts, self.names = parts, names
        self.starts = [0, *accumulate(len(part) for part in parts)]
        self.shape: tuple[int, ...] = first.shape
        self.dtype = first.dtype

    def _place(self, row: int) -> tuple[int, int]:
        part = next(i for i, start in enumerate(self.starts[1:]) if row < start)
        return part, row - self.starts[part]

    def read(self, row: int, training: bool) -> NDArray[Any]:
        """The image (*S, C) of an item. Raises ValueError when it is not like the first."""
        part, index = self._place(row)
        size = self.shape[:-1] if len(self.shape) == 3 else None
        image = item_image(self.name(row), self.parts[part][index], size, channels=self.shape[-1])
        if image.shape != self.shape or image.dtype != self.dtype:
            raise ValueError(f"it is {image.shape} {image.dtype}, and the first is {self.shape} {self.dtype}")
        return image

    def target(self, row: int) -> NDArray[Any]:
        """The target of an item, drawn as evaluation draws it."""
        part, index = self._place(row)
        with generators_kept():
            seed_sample(0)
            return item_target(self.name(row), self.parts[part][index])

    def name(self, row: int) -> str:
        """Such as "data.train[5]"."""
        part, index = self._place(row)
        return f"data.{self.names[part]}[{index}]"

    def identity(self, rows: Sequence[int]) -> Iterator[bytes]:
        """The classes of the datasets, the rows, and the images of up to 16 evenly spaced ones."""
        yield repr([(f"{type(part).__module__}.{type(part).__qualname__}", len(part)) for part in self.parts]).encode()
        yield np.asarray(rows, np.int64).tobytes()
        positions = range(0, len(rows), max(1, len(rows) // LOOKED_AT))
        chosen = tuple((rows[position],) for position in positions)
        task = Task(chosen, 0, "identity", 0, tuple(range(len(chosen))), False)
        for images, _ in performed(self, iter([task])):
            yield images.tobytes()


def item_image(name: str, item: Any, size: Sequence[int] | None = None, *, channels: int | None = None) -> NDArray[Any]:
    """The image of an item as (*S, C) uint8 or float32. size, channels: what a PIL image is brought to."""
    image = item[0] if isinstance(item, tuple | list) and len(item) == 2 else None
    if isinstance(image, Image.Image):
        grey = channels == 1 or (channels is None and image.mode in ("1", "L", "I;16"))
        pixels = plain(upright(image), 1 if grey else 3)
        pixels = pixels if size is None else fit(pixels, (size[0], size[1]))
        return np.asarray(pixels).reshape(pixels.height, pixels.width, -1)
    if isinstance(image, Tensor):
        values = image.detach().cpu().movedim(0, -1).numpy() if image.ndim > 1 else image.detach().cpu().numpy()
        values = values[..., None] if image.ndim == 1 else values
    elif isinstance(image, np.ndarray):
        values = image[..., None] if image.ndim in (1, 2) else image
    else:
        raise UserError(
            f"{name}: an item is (image, target), the image of PIL, NumPy or torch, not {type(item).__name__}"
        )
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f":
        raise UserError(f"{name}: its image is of {values.dtype}: uint8 or floats are read")
    return values.astype(np.float32)


def item_target(name: str, item: Any) -> NDArray[Any]:
    """The target of an item: a 0-dim int array, or floats (T,). Raises UserError for anything else."""
    target = np.asarray(item[1].cpu() if isinstance(item[1], Tensor) else item[1])
    if target.dtype.kind in "iu" and target.size == 1:
        return target.reshape(())
    if target.dtype.kind == "f" and target.size:
        return target.reshape(-1)
    raise UserError(f"{name}: its target is {target.dtype} of shape {target.shape}: one int, or floats, are expected")
