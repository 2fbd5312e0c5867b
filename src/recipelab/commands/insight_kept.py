"""What is known of single samples of a split, as it is kept in a record: insights/<split>_<checkpoint>_<view>.json.

Written by us, and read as if by anybody: every field is checked, pictures are decoded only when they are small PNGs.
"""

from __future__ import annotations

import base64
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json

SCHEMA = 1
SIDE = 128  # pixels of a kept picture's longer side, at most

Map = list[list[float]]


@dataclass(frozen=True)
class Sample:
    """A sample of a classification. index: its place in the split. name: of its file, or empty. loss: its NLL.

    confidence: probability of the predicted class; of its own class it is exp(-loss). image: PNG in base64, None where
    the input is no picture. maps: Grad-CAM for the predicted and for its own class, or none.
    """

    index: int
    name: str
    label: int
    predicted: int
    loss: float
    confidence: float
    image: str | None = None
    maps: tuple[Map, Map] | None = None


@dataclass(frozen=True)
class Pair:
    """`count` samples of class `label` were taken for `predicted`; `example` is that of them with the largest loss."""

    label: int
    predicted: int
    count: int
    example: Sample


@dataclass(frozen=True)
class Classified:
    """counts: (label, predicted, samples) of every pair that occurs. losses: the largest first. pairs: likewise.

    temperature: fitted on the validation split. nll, ece, bins: before and after it; a bin's sums as
    `statistics.temperature.reliability` gives them. layer: of the Grad-CAM, or why there is none.
    """

    counts: list[tuple[int, int, int]]
    losses: list[Sample]
    pairs: list[Pair]
    temperature: float | None
    why_not: str
    nll: tuple[float, float]
    ece: tuple[float, float]
    bins: tuple[list[list[float]], list[list[float]]]
    layer: str


@dataclass(frozen=True)
class Estimate:
    """A sample of a regression. error: mean absolute error over its targets."""

    index: int
    name: str
    truth: list[float]
    output: list[float]
    error: float
    image: str | None = None


@dataclass(frozen=True)
class Regressed:
    """truth, outputs: a list a target, of at most 5,000 samples from all over the split. mae: of all, a target.

    edges, heights: histogram of the residuals (output - truth) of all samples, a target. errors: the largest first.
    """

    truth: list[list[float]]
    outputs: list[list[float]]
    mae: list[float]
    edges: list[list[float]]
    heights: list[list[int]]
    errors: list[Estimate]


@dataclass(frozen=True)
class Insight:
    """One view of a run on one split. samples: that could be read. pictures: what images there are, or why none."""

    schema: int
    recipelab: str
    run: str
    split: str
    sha256: str
    checkpoint: str
    view: str
    step: int | None
    top: int
    samples: int
    class_names: list[str]
    pictures: str
    classified: Classified | None = None
    regressed: Regressed | None = None


def plain(insight: Insight) -> dict[str, Any]:
    """As plain containers, for JSON."""
    return asdict(insight)


def read(path: Path) -> Insight | None:
    """What a file holds; None when there is none. Raises UserError for a damaged one, or one of another schema."""
    try:
        found = TypeAdapter(Insight).validate_python(read_json(path))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if found.schema != SCHEMA or (found.classified is None) == (found.regressed is None):
        raise UserError(f"{path} has schema {found.schema}; this recipelab reads {SCHEMA}")
    return found


def encoded(image: NDArray[np.uint8]) -> str:
    """A picture (H, W, C), C 1 or 3, as PNG in base64, at most SIDE pixels long."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def decoded(text: str) -> NDArray[np.uint8]:
    """The picture (H, W, C) of `encoded`. Raises UserError for what is none."""
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"])
        if max(picture.size) > SIDE:
            raise ValueError(f"{picture.size} pixels")
        pixels = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    except (ValueError, OSError, SyntaxError) as error:  # SyntaxError: Pillow's word for a broken PNG
        raise UserError(f"a kept picture cannot be read: {error}") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels
