"""Image files to one uint8 array, with Pillow, once; what is odd about a file is settled here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from recipelab.data.listing import FORMATS

CHUNK = 64  # files a task: enough that handing them out costs nothing, few enough that Ctrl-C is prompt
SMALL = 96 * 96  # pixels, see _threads
SAMPLE = 64  # headers read to find out the size
Interpolation = Literal["bilinear", "bicubic"]
WHITE = (255, 255, 255, 255)


@dataclass(frozen=True)
class Decoded:
    """What came of a list of files.

    images: (N, H, W, C) uint8, a row per file in the order given; rows of failures hold nothing of use.
    failures: row -> why that file could not be read.
    resized: how many files had another size.
    """

    images: NDArray[np.uint8]
    failures: dict[int, str]
    resized: int


@dataclass(frozen=True)
class Fit:
    """How images are brought to a size; see `fit`."""

    size: tuple[int, int]
    resize: int | None = None
    interpolation: Interpolation = "bilinear"


def decode_files(
    paths: Sequence[Path | str],
    size: tuple[int, int] | Fit,
    channels: int,
    patient: bool,
    *,
    into: NDArray[np.uint8] | None = None,
) -> Decoded:
    """Decode `paths` to `size` = (height, width) on all available cores.

    patient: go on after a file that cannot be read; otherwise the files after the first failure may be left out.
    into: (N, H, W, C) to decode into, such as a mapped file; a new array when not given.
    """
    how = size if isinstance(size, Fit) else Fit(size)
    images = np.empty((len(paths), *how.size, channels), np.uint8) if into is None else into
    with quiet_pillow(), ThreadPoolExecutor(_threads(paths)) as executor:
        return _decode_on(executor, paths, images, how, patient)


def _decode_on(
    executor: ThreadPoolExecutor, paths: Sequence[Path | str], images: NDArray[np.uint8], how: Fit, patient: bool
) -> Decoded:
    failures: dict[int, str] = {}
    resized = 0

    def task(start: int) -> tuple[dict[int, str], int]:
        wrong: dict[int, str] = {}
        changed = 0
        for row in range(start, min(start + CHUNK, len(paths))):
            try:
                changed += _decode_into(images[row], paths[row], how)
            except Exception as error:  # Pillow raises a dozen types on damaged bytes
                wrong[row] = reason(error)
        return wrong, changed

    for wrong, changed in executor.map(task, range(0, len(paths), CHUNK)):
        failures |= wrong
        resized += changed
        if failures and not patient:
            executor.shutdown(cancel_futures=True)
            break
    return Decoded(images, failures, resized)


def _decode_into(row: NDArray[np.uint8], path: Path | str, how: Fit) -> bool:
    """Fill `row` (H, W, C); whether the image had another size."""
    pixels = decoded(path, row.shape[-1])
    changed = (pixels.height, pixels.width) != row.shape[:2]
    row[:] = np.asarray(fit(pixels, how.size, how.resize, how.interpolation)).reshape(row.shape)
    return changed


def decoded(path: Path | str, channels: int) -> Image.Image:
    """The whole image of a file, upright, in mode L or RGB. Raises what Pillow does, or ValueError."""
    with _open(path) as image:
        image.load()
        return plain(upright(image), channels)


def upright(image: Image.Image) -> Image.Image:
    """The first frame, turned as its EXIF orientation says."""
    return ImageOps.exif_transpose(image) if _orientation(image) > 1 else image


def plain(image: Image.Image, channels: int) -> Image.Image:
    """`image` in mode L (channels=1, ITU-R 601 luma) or RGB (channels=3), 8 bits.

    16-bit grey keeps its high byte. Whatever is transparent lies on white. Raises ValueError for 32-bit and
    floating-point pixels, whose range a file does not tell.
    """
    mode = "L" if channels == 1 else "RGB"
    if image.mode[0] in "IF":
        image = _high_byte(image)
    elif image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image.convert("RGBA"))
    return image if image.mode == mode else image.convert(mode)


def _high_byte(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError("its pixels are floating-point or 32-bit numbers of unknown range; 8 or 16 bits are read")
    return Image.fromarray((values >> 8).astype(np.uint8))


def fit(
    image: Image.Image, size: tuple[int, int], resize: int | None = None, interpolation: Interpolation = "bilinear"
) -> Image.Image:
    """The largest centred part with the aspect of `size` = (height, width), resized (antialiased).

    That is the short side resized, aspect kept, then a centre crop. An image of that size is returned as it is.
    resize: pixels of the short side before the crop, of which then less is taken: resize 256 and crop 224, as
    torchvision's `Resize(resize)` and `CenterCrop(size)`.
    """
    wanted, kind = (size[1], size[0]), Image.Resampling[interpolation.upper()]
    if resize is None:
        return image if image.size == wanted else ImageOps.fit(image, wanted, kind)
    short = min(image.size)
    whole = image.resize((resize * image.width // short, resize * image.height // short), kind)
    left, top = round((whole.width - wanted[0]) / 2), round((whole.height - wanted[1]) / 2)
    return whole.crop((left, top, left + wanted[0], top + wanted[1]))


def sample_sizes(paths: Sequence[Path | str]) -> tuple[dict[int, tuple[int, int]], dict[int, str]]:
    """Of up to 64 evenly spaced files, by row: (height, width) as displayed, from the header; or why it is unknown."""
    sizes: dict[int, tuple[int, int]] = {}
    failures: dict[int, str] = {}
    step = max(1, len(paths) / SAMPLE)
    with quiet_pillow():
        for position in range(min(SAMPLE, len(paths))):
            row = int(position * step)
            try:
                with _open(paths[row]) as image:
                    sizes[row] = _displayed_size(image)
            except Exception as error:
                failures[row] = reason(error)
    return sizes, failures


def _displayed_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of an image that is open, but not decoded, after it is turned."""
    known = image.format == "TIFF"  # Pillow tells the size of a turned TIFF file as displayed
    late = image.format == "PNG" and "exif" not in image.info  # asking would decode it, for an EXIF after the pixels
    turned = not known and not late and _orientation(image) >= 5
    return (image.width, image.height) if turned else (image.height, image.width)


def reason(error: Exception) -> str:
    """Why a file could not be read, in one line without its path."""
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return f"it has more than {Image.MAX_IMAGE_PIXELS:,} pixels, and may be made to fill the memory"
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image of a known type"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Pillow's warnings: a decompression bomb is an error, the others (odd metadata) do not matter to pixels."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _threads(paths: Sequence[Path | str]) -> int:
    """One for each core that this process may use; one in all for small images, which wait for the interpreter's lock.

    Measured on two cores, files/s with one and with two threads: 14,000 and 10,500 at 32x32 pixels, 7,200 and 7,500 at
    96x96, 5,700 and 7,400 at 128x128.
    """
    areas = [height * width for height, width in sample_sizes(paths)[0].values()]
    if sum(areas) < SMALL * len(areas):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _open(path: Path | str) -> Image.Image:
    if os.path.getsize(path) == 0:
        raise ValueError("it is empty")
    return Image.open(path, formats=_formats())


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none, or none that can be read."""
    try:
        value = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata: viewers show such an image unturned too
        return 1
    return value if 1 <= value <= 8 else 1
