"""The same image in the training and in the test part: a test on it measures memory, not skill."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from recipelab.data.pool import Pool

_PROBES = 64  # values of an image looked at first
_NAMED = 3


def shared_rows(train: Tensor, test: Tensor) -> list[tuple[int, int]]:
    """(row in test, a row in train) of every test image that is, bit for bit, a training image.

    train, test: (N, ...) and (M, ...) of one shape and type beyond the first dimension, on the CPU. A few values of
    every image find the candidates; only these are read whole.
    """
    first, second = (part.reshape(len(part), -1) for part in (train, test))
    step = max(1, first.shape[1] // _PROBES)
    probes = [list(map(bytes, part[:, ::step].contiguous().numpy().view("uint8"))) for part in (first, second)]
    both = set(probes[0]) & set(probes[1])
    if not both:
        return []
    known = {first[row].numpy().tobytes(): row for row, probe in reversed(list(enumerate(probes[0]))) if probe in both}
    wanted = ((row, known.get(second[row].numpy().tobytes())) for row, probe in enumerate(probes[1]) if probe in both)
    return [(row, twin) for row, twin in wanted if twin is not None]


def shared_images(train: Pool, test: Pool | None) -> Iterator[str]:
    """A line that counts the test images that are training images, too; none when there are none, or no test part."""
    if test is None or not (isinstance(train.images, Tensor) and isinstance(test.images, Tensor)):
        return
    if train.images.shape[1:] != test.images.shape[1:]:
        return
    pairs = shared_rows(train.images, test.images)
    if pairs:
        shown = "; ".join(f"{_name(test, row)} = {_name(train, twin)}" for row, twin in pairs[:_NAMED])
        more = "; ..." if len(pairs) > _NAMED else ""
        yield (
            f"warning: {len(pairs):,} of {len(test):,} test images are training images, too, bit for bit:"
            f" {shown}{more}; what is measured on them is not what the model makes of new images"
        )


def _name(pool: Pool, row: int) -> str:
    return pool.names[row] if pool.names is not None else f"row {row}"
