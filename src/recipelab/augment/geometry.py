"""Random translations, rotations, shears, scalings, and all of them as one map with one resampling.

Ranges are torchvision's `RandomAffine`'s; the pixels are those of `recipelab.augment.affine`. Translation and scaling
work in 1, 2 and 3 dimensions, the others in 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from recipelab.augment.affine import Interpolation, about, affine, fixed, inverse_matrices
from recipelab.augment.erase import Fill
from recipelab.augment.primitive import Primitive, Probability, fill_levels, require_dims

Degrees = Annotated[float, Ge(0), Le(180)]
Shear = Annotated[float, Ge(0), Le(80)]
Share = Annotated[float, Ge(0), Le(1)]
Factors = tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]]
Matrices = Callable[[int, torch.Generator], Tensor]


def translate(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    share: Share = 0.125,
    fill: Fill = 0,
    p: Probability = 1.0,
) -> Primitive:
    """A shift by whole pixels, up to `share` of each edge. The default is 4 pixels of 32."""
    reach = torch.tensor([round(share * size) for size in image_size])

    def matrices(count: int, generator: torch.Generator) -> Tensor:
        shift = torch.rand(count, len(image_size), generator=generator, dtype=torch.float64) * (2 * reach + 1)
        eye = torch.eye(len(image_size), dtype=torch.float64).expand(count, -1, -1)
        return about(eye, tuple(0.0 for _ in image_size), shift.floor() - reach)

    return _mapped("translate", matrices, fill_levels(fill, mean, input_channels), "nearest", p)


def rotate(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    degrees: Degrees = 15.0,
    interpolation: Interpolation = "nearest",
    fill: Fill = 0,
    p: Probability = 1.0,
) -> Primitive:
    """A rotation about the middle by up to `degrees` either way."""
    whole = random_affine_matrices(image_size, degrees=degrees)
    return _mapped("rotate", whole, fill_levels(fill, mean, input_channels), interpolation, p)


def shear(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    degrees: Shear = 10.0,
    interpolation: Interpolation = "nearest",
    fill: Fill = 0,
    p: Probability = 1.0,
) -> Primitive:
    """Shears along x and along y by up to `degrees` either way."""
    whole = random_affine_matrices(image_size, shear=degrees)
    return _mapped("shear", whole, fill_levels(fill, mean, input_channels), interpolation, p)


def scale(
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    factors: Factors = (0.8, 1.25),
    interpolation: Interpolation = "nearest",
    fill: Fill = 0,
    p: Probability = 1.0,
) -> Primitive:
    """A magnification about the middle by a factor between `factors`, the canvas kept."""
    dims = len(image_size)

    def matrices(count: int, generator: torch.Generator) -> Tensor:
        factor = _between(count, generator, *factors)
        linear = torch.eye(dims, dtype=torch.float64) / factor.view(-1, 1, 1)
        return about(linear, tuple(size / 2 for size in image_size), torch.zeros(count, dims, dtype=torch.float64))

    return _mapped("scale", matrices, fill_levels(fill, mean, input_channels), interpolation, p, bits=32)


def random_affine(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    degrees: Degrees = 15.0,
    translate: Share = 0.1,
    factors: Factors = (0.9, 1.1),
    shear: Shear = 10.0,
    interpolation: Interpolation = "nearest",
    fill: Fill = 0,
    p: Probability = 1.0,
) -> Primitive:
    """Rotation, translation, scaling and shear as one map. The meaning of each is that of the operation of its name."""
    whole = random_affine_matrices(image_size, degrees=degrees, translate=translate, factors=factors, shear=shear)
    return _mapped("affine", whole, fill_levels(fill, mean, input_channels), interpolation, p)


def random_affine_matrices(
    image_size: tuple[int, ...],
    *,
    degrees: float = 0.0,
    translate: float = 0.0,
    factors: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
) -> Matrices:
    """A sampler of inverse matrices (count, 2, 3) float64, uniform in every range."""
    require_dims(image_size, 2, "an affine map")
    height, width = image_size
    reach = torch.tensor([translate * height, translate * width], dtype=torch.float64)

    def sample(count: int, generator: torch.Generator) -> Tensor:
        angle = _between(count, generator, -degrees, degrees)
        shift = (_between(2 * count, generator, -1, 1).view(count, 2) * reach).round()
        factor = _between(count, generator, *factors)
        slant = _between(2 * count, generator, -shear, shear).view(count, 2)
        return inverse_matrices(angle=angle, translate=shift, scale=factor, shear=slant, center=(height / 2, width / 2))

    return sample


def _mapped(
    name: str, matrices: Matrices, fill: list[int], interpolation: Interpolation, p: float, bits: int = 16
) -> Primitive:
    bits = 32 if interpolation == "bilinear" else bits
    return Primitive(
        name,
        lambda images, matrix: affine(images, matrix, fill=fill, interpolation=interpolation),
        {"matrix": lambda count, generator: fixed(matrices(count, generator), bits=bits)},
        p,
    )


def _between(count: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=generator, dtype=torch.float64) * (high - low) + low
