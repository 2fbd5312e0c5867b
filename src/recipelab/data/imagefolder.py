"""Any folder of class folders with image files in them: decoded once and kept, or streamed."""

from __future__ import annotations

import os
from collections import Counter
from functools import cached_property
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Len

from recipelab.core.errors import UserError
from recipelab.data.crop import make_crop
from recipelab.data.decode import Fit, Interpolation, sample_sizes
from recipelab.data.files import NAMED, Files, Geometry, unreadable
from recipelab.data.listing import Folder, list_folder
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind, Storage

Pixels = Annotated[int, Ge(1)]
Range = Annotated[list[Annotated[float, Gt(0)]], Len(2, 2)]


class ImageFolder:
    """`root/train/<class>/...` with perhaps `root/test/<class>/...`, or `root/<class>/...` alone (no test part).

    root: the folder. A folder `val` beside `train` is not used, and a line says so (but see `test_folder`).
    image_size: (height, width) or one number for both, in pixels; other images have the short side resized (bilinear,
        antialiased) and the centre cropped. "auto": the size that up to 64 files, evenly spaced, have in common.
    resize_size: pixels of the short side before the centre crop, 256 for the usual crop of 224; null: as many as the
        crop needs. interpolation: of resizing, in evaluation and in random crops.
    crop_scale, crop_ratio: ranges of area and aspect of a random resized crop that training sees instead, such as
        [0.08, 1] and [0.75, 1.3333]; none by default.
    input_channels: 3 RGB or 1 grey (ITU-R 601). Transparent images are put on white, 16-bit ones keep the high byte,
        EXIF rotation is applied, of several frames the first counts.
    on_error: "stop" at a file that cannot be read, or "skip" it: leave it out, counted and named.
    cache: where decoded images are kept: "auto" ($XDG_CACHE_HOME or ~/.cache, in recipelab/), "none", or a folder. An
        entry is used as long as path, size and times of change of every file, and the options, are the same.
    storage: "memory"; "memmap", decoded in one file of the cache that is mapped into memory; "stream", decoded by
        worker processes when their turn comes; "auto": the first that memory_limit and disk_limit allow.
    test_folder: what the folder of the test part is called, beside `train`.
    memory_limit, disk_limit: most bytes of decoded images for "auto", such as "8GiB"; "auto": half of what is free.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the data section
        self,
        *,
        root: str,
        image_size: Pixels | Annotated[list[Pixels], Len(2, 2)] | Literal["auto"] = "auto",
        crop_scale: Range | None = None,
        crop_ratio: Range | None = None,
        input_channels: Literal[1, 3] = 3,
        on_error: Literal["stop", "skip"] = "stop",
        cache: str = "auto",
        resize_size: Pixels | None = None,
        interpolation: Interpolation = "bilinear",
        storage: Literal["auto"] | Kind = "auto",
        memory_limit: str = "auto",
        disk_limit: str = "auto",
        test_folder: str = "test",
    ) -> None:
        self.root = root
        self.image_size = image_size
        self.crop = make_crop(crop_scale, crop_ratio)
        self.input_channels = input_channels
        self.on_error = on_error
        self.cache = cache
        self.resize_size = resize_size
        self.interpolation: Interpolation = interpolation
        self.test_folder = test_folder
        self.storage = Storage(storage, memory_limit, disk_limit)

    @classmethod
    def of(cls, folder: Folder, **options: Any) -> ImageFolder:
        """Files that are listed already; their labels are any numbers, and folder.class_names may be empty."""
        made = cls(**options)
        made._folder = folder
        return made

    def facts(self) -> dict[str, object]:
        """From the names of the folders and, for image_size="auto", the headers of up to 64 files.

        Raises UserError when the folder is not one of class folders, or "auto" finds several sizes.
        """
        return {
            "task": "classification",
            "num_classes": len(self._folder.class_names),
            "input_channels": self.input_channels,
            "image_size": self._files.geometry.size,
            "class_names": self._folder.class_names,
        } | ({"cropped": True} if self.crop else {})

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools of images (N, H, W, C) uint8 by class, then by path; from the cache when it has them.

        Raises UserError as `Files.load` does.
        """
        for line in self._folder.remarks:
            say(line)
        return self._files.load(say)

    @cached_property
    def _folder(self) -> Folder:
        return list_folder(self.root, self.test_folder)

    @cached_property
    def _files(self) -> Files:
        folder = self._folder
        return Files(
            root=folder.root,
            place=self.root,
            class_names=folder.class_names,
            train=folder.train,
            test=folder.test,
            geometry=Geometry(self._fit(), self.input_channels, self.crop),
            storage=self.storage,
            on_error=self.on_error,
            keep=self.cache,
            chosen=folder.chosen,
        )

    def _size(self) -> tuple[int, int]:
        if isinstance(self.image_size, int):
            return self.image_size, self.image_size
        if self.image_size != "auto":
            height, width = self.image_size
            return height, width
        names = [name for name, _ in self._folder.train + (self._folder.test or [])]
        sizes, failures = sample_sizes([os.path.join(self._folder.root, name) for name in names])
        if failures and (self.on_error == "stop" or not sizes):
            raise UserError(unreadable(names[min(failures)], self.root, failures[min(failures)]))
        return _common_size(sizes)

    def _fit(self) -> Fit:
        size, resize = self._size(), self.resize_size
        if resize is not None and resize < max(size):
            raise UserError(
                f"data.resize_size={resize} is smaller than the {max(size)} pixels that are cropped from it"
            )
        return Fit(size, resize, self.interpolation)


def _common_size(sizes: dict[int, tuple[int, int]]) -> tuple[int, int]:
    counts = Counter(sizes.values()).most_common()
    if len(counts) == 1:
        return counts[0][0]
    shown = ", ".join(f"{height}x{width}" for (height, width), _ in counts[:NAMED])
    more = f", ... ({len(counts)} sizes in {len(sizes)} files looked at)" if len(counts) > NAMED else ""
    raise UserError(
        f"data.image_size=auto: the images have several sizes (height x width): {shown}{more}\n"
        "  fix: choose one, such as data.image_size=224 or data.image_size=[128,256]"
    )
