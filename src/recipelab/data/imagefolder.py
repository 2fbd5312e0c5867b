"""Any folder of class folders with image files in them, decoded once and kept."""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import PIL
import psutil
import torch
from annotated_types import Ge, Len

from recipelab.core.errors import UserError
from recipelab.data import cache
from recipelab.data.decode import Fit, Interpolation, decode_files, sample_sizes
from recipelab.data.listing import Folder, list_folder
from recipelab.data.pool import Pool, Say

Pixels = Annotated[int, Ge(1)]
NAMED = 5  # how many files a message names


class ImageFolder:
    """`root/train/<class>/...` with perhaps `root/test/<class>/...`, or `root/<class>/...` alone (no test part).

    root: the folder. A folder `val` beside `train` is not used, and a line says so.
    image_size: (height, width) or one number for both, in pixels; other images have the short side resized (bilinear,
        antialiased) and the centre cropped. "auto": the size that up to 64 files, evenly spaced, have in common.
    resize_size: pixels of the short side before the centre crop, 256 for the usual crop of 224; null: as many as the
        crop needs. interpolation: of resizing.
    input_channels: 3 RGB or 1 grey (ITU-R 601). Transparent images are put on white, 16-bit ones keep the high byte,
        EXIF rotation is applied, of several frames the first counts.
    on_error: "stop" at a file that cannot be read, or "skip" it: leave it out, counted and named.
    cache: where decoded images are kept: "auto" ($XDG_CACHE_HOME or ~/.cache, in recipelab/), "none", or a folder. An
        entry is used as long as path, size and times of change of every file, and the options, are the same.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: Pixels | Annotated[list[Pixels], Len(2, 2)] | Literal["auto"] = "auto",
        input_channels: Literal[1, 3] = 3,
        on_error: Literal["stop", "skip"] = "stop",
        cache: str = "auto",
        resize_size: Pixels | None = None,
        interpolation: Interpolation = "bilinear",
    ) -> None:
        self.root = root
        self.image_size = image_size
        self.input_channels = input_channels
        self.on_error = on_error
        self.cache = cache
        self.resize_size = resize_size
        self.interpolation: Interpolation = interpolation

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
            "image_size": self._size,
            "class_names": self._folder.class_names,
        }

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools of images (N, H, W, C) uint8 by class, then by path; from the cache when it has them.

        Raises UserError for a file that cannot be read (unless on_error="skip"), or more images than fit in memory.
        """
        for line in self._folder.remarks:
            say(line)
        entry = self._entry()
        start = time.perf_counter()
        content = entry.read(say) if entry else None
        found = content is not None
        if content is None:
            content = self._decode()
        count = sum(len(pool) for pool in content.pools().values())
        seconds = time.perf_counter() - start
        if found:
            say(f"read {count:,} images from the cache in {seconds:.1f} s")
        else:
            say(f"decoded {count:,} images in {seconds:.1f} s")
        for line in content.remarks:
            say(line)
        if entry and not found:
            entry.write(content, say)
        return content.train, content.test

    @cached_property
    def _folder(self) -> Folder:
        return list_folder(self.root)

    @property
    def _files(self) -> list[tuple[str, int]]:
        return self._folder.train + (self._folder.test or [])

    @property
    def _paths(self) -> list[str]:
        return [os.path.join(self._folder.root, name) for name, _ in self._files]

    @cached_property
    def _size(self) -> tuple[int, int]:
        if isinstance(self.image_size, int):
            return self.image_size, self.image_size
        if self.image_size != "auto":
            height, width = self.image_size
            return height, width
        sizes, failures = sample_sizes(self._paths)
        if failures and (self.on_error == "stop" or not sizes):
            raise UserError(self._unreadable(failures))
        return _common_size(sizes)

    def _entry(self) -> cache.Entry | None:
        if self.cache == "none":
            return None
        folder = cache.default_folder() if self.cache == "auto" else Path(self.cache).expanduser()
        options: dict[str, object] = {
            "image_size": self._size,
            "input_channels": self.input_channels,
            "on_error": self.on_error,
        }
        if self.resize_size is not None or self.interpolation != "bilinear":
            options |= {"resize_size": self.resize_size, "interpolation": self.interpolation}
        made_by = options | {"pillow": PIL.__version__}  # another decoder may give other pixels
        key = cache.key(self._folder.root, [name for name, _ in self._files], made_by)
        return cache.Entry(folder, f"{self._folder.root.resolve()} {options}", key)

    def _decode(self) -> cache.Content:
        files, size = self._files, self._size
        _require_memory(len(files) * size[0] * size[1] * self.input_channels, len(files), size)
        if self.resize_size is not None and self.resize_size < max(size):
            raise UserError(
                f"data.resize_size={self.resize_size} is smaller than the {max(size)} pixels that are cropped from it"
            )
        how = Fit(size, self.resize_size, self.interpolation)
        decoded = decode_files(self._paths, how, self.input_channels, patient=self.on_error == "skip")
        failures = decoded.failures
        if failures and self.on_error == "stop":
            raise UserError(self._unreadable(failures))
        remarks = []
        if decoded.resized:
            remarks.append(
                f"resized {decoded.resized:,} of {len(files):,} images to {size[0]}x{size[1]} (height x width)"
            )
        if failures:
            shown = "; ".join(f"{files[row][0]!r} ({failures[row]})" for row in sorted(failures)[:NAMED])
            more = "; ..." if len(failures) > NAMED else ""
            remarks.append(f"left out {len(failures):,} files that cannot be read: {shown}{more}")
        bounds = [0, len(self._folder.train), len(files)]
        pools = [self._pool(decoded.images, range(*part), failures) for part in zip(bounds, bounds[1:], strict=False)]
        return cache.Content(pools[0], pools[1] if self._folder.test else None, remarks)

    def _unreadable(self, failures: dict[int, str]) -> str:
        row = min(failures)
        return (
            f"image file {self._files[row][0]!r} (under data.root={self.root!r}) cannot be read: {failures[row]}\n"
            f"  fix: replace or remove it, or leave out such files with data.on_error=skip"
        )

    def _pool(self, images: np.ndarray, rows: range, failures: dict[int, str]) -> Pool:
        """The pool of `rows`, less the failures. Raises UserError when a class has no image left."""
        files = self._files
        kept = [row for row in rows if row not in failures]
        gone = {files[row][1] for row in rows} - {files[row][1] for row in kept}
        if gone and self._folder.class_names:
            names = ", ".join(repr(self._folder.class_names[label]) for label in sorted(gone))
            raise UserError(f"data.root={self.root!r}: no image of class {names} can be read; remove the class folder")
        chosen = images[rows.start : rows.stop] if len(kept) == len(rows) else images[kept]
        targets = torch.tensor([files[row][1] for row in kept], dtype=torch.int64)
        return Pool(torch.from_numpy(chosen), targets, [files[row][0] for row in kept])


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


def _require_memory(wanted: int, count: int, size: tuple[int, int]) -> None:
    free = psutil.virtual_memory().available
    if wanted > free:
        raise UserError(
            f"{count:,} images of {size[0]}x{size[1]} pixels take {wanted / 2**30:.1f} GiB of memory, and"
            f" {free / 2**30:.1f} GiB are free\n  fix: a smaller data.image_size, or fewer files under data.root"
        )
