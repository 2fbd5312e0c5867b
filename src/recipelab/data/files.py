"""Listed image files as pools: decoded in memory, decoded in one mapped file of the cache, or streamed.

What a source adds is the listing: which files there are, and their labels.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL
import torch
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.data import cache
from recipelab.data.crop import Crop
from recipelab.data.decode import Fit, decode_files, decoded, fit, quiet_pillow, reason
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind, Storage
from recipelab.data.stream import Desk, Stream

NAMED = 5  # how many files a message names


@dataclass(frozen=True)
class Geometry:
    """What a file becomes.

    fit: the size, and how images come to it. channels: 1 or 3. crop: the random crop that training sees instead, or
    None.
    """

    fit: Fit
    channels: int
    crop: Crop | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every image."""
        return self.fit.size


class FileReader:
    """Reads one file at a time, for `Stream`. paths: of the files; names: what they are called in messages."""

    advice = "mend or remove it, or leave out such files with data.on_error=skip"

    def __init__(self, paths: Sequence[str], names: Sequence[str], geometry: Geometry, *, patient: bool) -> None:
        self.paths, self.names, self.geometry, self.patient = paths, names, geometry, patient
        self.shape: tuple[int, ...] = (*geometry.size, geometry.channels)
        self.dtype = np.dtype(np.uint8)

    def read(self, row: int, training: bool) -> NDArray[Any]:
        """The image (H, W, C) of a file: a random crop of it when training, if there is to be one, else its middle."""
        with quiet_pillow():
            try:
                image = decoded(self.paths[row], self.geometry.channels)
            except Exception as error:
                raise ValueError(reason(error)) from error
        crop, how = self.geometry.crop, self.geometry.fit
        if training and crop is not None:
            image = crop(image, how.size, how.interpolation)
        else:
            image = fit(image, how.size, how.resize, how.interpolation)
        return np.asarray(image).reshape(self.shape)

    def name(self, row: int) -> str:
        """The path of a file, relative to its root."""
        return f"image file {self.names[row]!r}"

    def identity(self, rows: Sequence[int]) -> Iterator[bytes]:
        """What files become, and the name and size of each; a file of the same name and size passes for the same."""
        made = asdict(self.geometry) | {"pillow": PIL.__version__}
        yield repr(sorted(made.items())).encode()
        for row in rows:
            size = os.stat(self.paths[row]).st_size if os.path.exists(self.paths[row]) else -1
            yield f"\0{self.names[row]}\0{size}".encode(errors="surrogateescape")


@dataclass(frozen=True)
class Files:
    """Image files on their way to pools.

    root: absolute. train, test: (path relative to root, label); test is None when there is no test part.
    place: the source's root as the user gave it. on_error: as in `recipelab.data.imagefolder.ImageFolder`. keep: its
        `cache`. chosen: as in `recipelab.data.listing.Folder`.
    """

    root: Path
    place: str
    class_names: Sequence[str]
    train: list[tuple[str, int]]
    test: list[tuple[str, int]] | None
    geometry: Geometry
    storage: Storage = field(default_factory=Storage)
    on_error: Literal["stop", "skip"] = "stop"
    keep: str = "auto"
    chosen: bool = False

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools of images (N, H, W, C) uint8 by class, then by path.

        Raises UserError for a file that cannot be read (unless on_error="skip"; a streamed file is read only when its
        turn comes), or for more than fits where it is to be kept.
        """
        kind = self._kind()
        if kind == "stream":
            return self._streamed(say)
        entry, start = self._entry, time.perf_counter()
        content = entry.read(say, mapped=kind == "memmap") if entry else None
        found = content is not None
        if content is None:
            content = self._decoded(kind, say)
        count = sum(len(pool) for pool in content.pools().values())
        seconds = time.perf_counter() - start
        if found:
            say(f"read {count:,} images from the cache in {seconds:.1f} s")
        else:
            say(f"decoded {count:,} images in {seconds:.1f} s")
        if kind == "memmap":
            nbytes = sum(pool.images.nbytes for pool in content.pools().values())
            say(f"the decoded images ({nbytes / 2**20:,.0f} MiB) stay in a file that is mapped into memory")
        for line in content.remarks:
            say(line)
        if entry and not found and kind == "memory":
            entry.write(content, say)
        return content.train, content.test

    @property
    def _all(self) -> list[tuple[str, int]]:
        return self.train + (self.test or [])

    def _paths(self, files: Sequence[tuple[str, int]]) -> list[str]:
        return [os.path.join(self.root, name) for name, _ in files]

    def _kind(self) -> Kind:
        (height, width), count = self.geometry.size, len(self._all)
        folder = None if self._entry is None else self._entry.folder
        return self.storage.choose(
            count * height * width * self.geometry.channels,
            folder,
            crops=self.geometry.crop is not None,
            what=f"{count:,} images of {height}x{width} pixels",
        )

    @cached_property
    def _entry(self) -> cache.Entry | None:
        if self.keep == "none" or self.geometry.crop is not None:
            return None
        folder = cache.default_folder() if self.keep == "auto" else Path(self.keep).expanduser()
        options: dict[str, Any] = {"image_size": self.geometry.size, "input_channels": self.geometry.channels}
        options["on_error"] = self.on_error
        how = self.geometry.fit
        if how.resize is not None or how.interpolation != "bilinear":
            options |= {"resize_size": how.resize, "interpolation": how.interpolation}
        made_by = options | {"pillow": PIL.__version__}  # another decoder may give other pixels
        names = [name for name, _ in self._all]
        slot = f"{self.root.resolve()} {options}" + (f" {cache.digest_of(names)}" if self.chosen else "")
        return cache.Entry(folder, slot, cache.key(self.root, names, made_by))

    def _streamed(self, say: Say) -> tuple[Pool, Pool | None]:
        files = self._all
        names = [name for name, _ in files]
        reader = FileReader(self._paths(files), names, self.geometry, patient=self.on_error == "skip")
        desk = Desk(reader, say)
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        rows = torch.arange(len(files)).split([len(self.train), len(files) - len(self.train)])
        pools = [Pool(Stream(desk, part), labels[part], [names[i] for i in part.tolist()]) for part in rows]
        say(f"{len(files):,} images stay in their files and are decoded when their turn comes")
        return pools[0], pools[1] if self.test else None

    def _decoded(self, kind: Kind, say: Say) -> cache.Content:
        if kind == "memory":
            return self._content(lambda part, shape: np.empty(shape, np.uint8))
        assert self._entry is not None
        try:
            self._entry.make(lambda scratch: self._content(lambda *what: cache.new_images(scratch, *what)))
        except OSError as error:
            raise UserError(
                f"the decoded images cannot be kept: {self._entry.folder} cannot be written ({error.strerror})\n"
                "  fix: data.cache=FOLDER, or data.storage=stream"
            ) from error
        content = self._entry.read(say, mapped=True)
        assert content is not None
        return content

    def _content(self, new: Callable[[str, tuple[int, ...]], NDArray[np.uint8]]) -> cache.Content:
        """Both parts decoded. new: gives the array for a part's images, by its name and shape."""
        found = {
            part: self._part(part, files, new) for part, files in (("train", self.train), ("test", self.test)) if files
        }
        resized = sum(part.resized for part in found.values())
        failures = {name: why for part in found.values() for name, why in part.failures.items()}
        remarks = []
        if resized:
            height, width = self.geometry.size
            remarks.append(f"resized {resized:,} of {len(self._all):,} images to {height}x{width} (height x width)")
        if failures:
            shown = "; ".join(f"{name!r} ({why})" for name, why in list(failures.items())[:NAMED])
            more = "; ..." if len(failures) > NAMED else ""
            remarks.append(f"left out {len(failures):,} files that cannot be read: {shown}{more}")
        return cache.Content(found["train"].pool, found["test"].pool if "test" in found else None, remarks)

    def _part(
        self, part: str, files: list[tuple[str, int]], new: Callable[[str, tuple[int, ...]], NDArray[np.uint8]]
    ) -> Part:
        size, channels, patient = self.geometry.size, self.geometry.channels, self.on_error == "skip"
        images = new(part, (len(files), *size, channels))
        decoded = decode_files(self._paths(files), self.geometry.fit, channels, patient, into=images)
        if decoded.failures and not patient:
            row = min(decoded.failures)
            raise UserError(unreadable(files[row][0], self.place, decoded.failures[row]))
        kept = [row for row in range(len(files)) if row not in decoded.failures]
        self._refuse_emptied(files, kept)
        if decoded.failures:
            chosen = new(part, (len(kept), *size, channels))
            for place, row in enumerate(kept):
                chosen[place] = images[row]
            images = chosen
        targets = torch.tensor([files[row][1] for row in kept], dtype=torch.int64)
        pool = Pool(torch.from_numpy(images), targets, [files[row][0] for row in kept])
        return Part(pool, decoded.resized, {files[row][0]: why for row, why in sorted(decoded.failures.items())})

    def _refuse_emptied(self, files: list[tuple[str, int]], kept: list[int]) -> None:
        """Raises UserError when a class has no image left."""
        gone = {label for _, label in files} - {files[row][1] for row in kept}
        if gone and self.class_names:  # else labels are no classes
            names = ", ".join(repr(self.class_names[label]) for label in sorted(gone))
            raise UserError(f"data.root={self.place!r}: no image of class {names} can be read; remove the class folder")


@dataclass(frozen=True)
class Part:
    """A decoded part: its pool, how many files had another size, and which could not be read, by path."""

    pool: Pool
    resized: int
    failures: dict[str, str]


def unreadable(name: str, place: str, why: str) -> str:
    """The message for a file that cannot be read. place: the root as the user gave it."""
    return (
        f"image file {name!r} (under data.root={place!r}) cannot be read: {why}\n"
        f"  fix: replace or remove it, or leave out such files with data.on_error=skip"
    )
