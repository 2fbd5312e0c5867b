"""Arrays of NumPy files (`.npy`, `.npz`): their shapes without reading them, and their values without unpickling."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from recipelab.core.errors import UserError


@dataclass(frozen=True)
class Stored:
    """An array in a file.

    file: the `.npy`, or the `.npz` whose member is `name`. shape, dtype: as its header says.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self) -> NDArray[Any]:
        """The values. Raises UserError when the file is damaged."""
        try:
            loaded = np.load(self.file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                value: NDArray[Any] = loaded[self.name]
                return value
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.file}: {self.name!r} cannot be read: {error}") from error


def stored_arrays(file: Path) -> list[Stored]:
    """The arrays in a `.npy` (one, named like the file) or `.npz`, by their headers.

    Raises UserError for what is no such file, and for arrays of Python objects: these are pickles, which can run code
    when read.
    """
    try:
        found = [_stored(file, name, stream) for name, stream in _members(file)]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} cannot be read as a NumPy file: {error}") from error
    for array in found:
        if array.dtype.hasobject:
            raise UserError(
                f"{file}: {array.name!r} holds Python objects, which can run code when they are read: it is not read"
                "\n  fix: save numbers, such as np.savez(file, images=images, targets=targets)"
            )
    return found


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if not zipfile.is_zipfile(file):
        with file.open("rb") as stream:
            yield file.stem, stream
        return
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as stream:
                    yield member.removesuffix(".npy"), stream


def _stored(file: Path, name: str, stream: IO[bytes]) -> Stored:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return Stored(file, name, shape, dtype)
