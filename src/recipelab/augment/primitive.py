"""A random operation of a whole batch: a pure function, and what it is called with, drawn sample by sample.

Draw and application are split, as the contract of this room says (see `recipelab.augment`): `draw` makes the
parameters of a whole epoch, `__call__` hands their rows to the function. The function treats every sample by itself,
so it may be given only those samples that the draw chose: on the CPU it is; on a GPU it works on all of them, because
counting the chosen would mean to wait, and the others are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recipelab.core.errors import UserError

Probability = Annotated[float, Ge(0), Le(1)]
Level = Annotated[int, Ge(0), Le(255)]
"""A grey level of a stored image."""
Sampler = Callable[[int, torch.Generator], Tensor]
"""(count, generator) -> (count, ...): one row of parameters a sample."""


def apply_where(
    images: Tensor, chosen: Tensor, function: Callable[..., Tensor], *parameters: Tensor, keep: bool = True
) -> Tensor:
    """function(images, *parameters) for the samples `chosen`; the others unchanged.

    images: (B, C, *S). chosen: (B,) bool. parameters: (B, ...) each. All on one device. The function keeps shape and
    type. keep: leave `images` as they are; False may write into them, which saves a copy.
    """
    if images.device.type != "cpu":
        made = function(images, *parameters)
        return torch.where(chosen.view(-1, *[1] * (images.ndim - 1)), made, images)
    rows = chosen.nonzero()[:, 0]
    if len(rows) == len(images):
        return function(images, *parameters)
    if not len(rows):
        return images
    pixels = images.movedim(1, -1).contiguous()
    made = function(
        pixels.index_select(0, rows).movedim(-1, 1), *(values.index_select(0, rows) for values in parameters)
    )
    result = pixels.clone() if keep else pixels
    return result.index_copy_(0, rows, made.movedim(1, -1)).movedim(-1, 1)


def uniform(low: float, high: float) -> Sampler:
    """Uniform float32 numbers in [low, high)."""
    return lambda count, generator: torch.rand(count, generator=generator).mul_(high - low).add_(low)


def constant(value: float) -> Sampler:
    """The same float32 number for every sample; draws nothing."""
    return lambda count, generator: torch.full((count,), float(value))


class Primitive:
    """One operation, applied to each sample with probability `p`.

    name: for messages and contact sheets. function: (images, *parameters) -> images, see `apply_where`.
    samplers: parameter name -> Sampler, in the order in which the function takes them.
    p: probability that a sample is touched.
    """

    def __init__(
        self, name: str, function: Callable[..., Tensor], samplers: Mapping[str, Sampler], p: float = 1.0
    ) -> None:
        self.name, self.function, self.p = name, function, p
        self.samplers = dict(samplers)

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """chosen (count,) bool, and every parameter (count, ...)."""
        draws = {"chosen": torch.rand(count, generator=generator) < self.p}
        return draws | {name: sample(count, generator) for name, sample in self.samplers.items()}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, *S) -> the same shape and type."""
        return apply_where(images, draws["chosen"], self.function, *(draws[name] for name in self.samplers))

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """What each sample goes through, "" for nothing: (B,) strings."""
        numbers = [
            draws[name].tolist() for name in self.samplers if draws[name].is_floating_point() and draws[name].ndim == 1
        ]
        said = [" ".join([self.name, *(f"{value:.3g}" for value in row)]) for row in zip(*numbers, strict=True)]
        said = said or [self.name] * len(draws["chosen"])
        return [text if on else "" for text, on in zip(said, draws["chosen"].tolist(), strict=True)]


def require_bytes(images: Tensor, name: str) -> None:
    """Raise UserError when images are not uint8: an operation on grey levels means nothing for other numbers."""
    if images.dtype != torch.uint8:
        raise UserError(
            f"augment: {name} works on grey levels 0 to 255, and these data are {images.dtype};"
            " choose operations that only move or erase pixels (crop, flip, translate, cutout)"
        )


def require_dims(image_size: tuple[int, ...], dims: int, name: str) -> None:
    """Raise UserError when images have another number of spatial dimensions than the operation takes."""
    if len(image_size) != dims:
        raise UserError(f"augment: {name} takes images of {dims} dimensions, and these have {len(image_size)}")


def fill_levels(fill: int | list[int] | Literal["mean"], mean: tuple[float, ...] | None, channels: int) -> list[int]:
    """One grey level a channel for what is erased or comes in from outside.

    fill: a level, one a channel, or "mean": the data's mean, which is 0 after normalisation. mean: of images scaled to
    [0, 1]; mid-grey stands in while it is not known (before the data are read). Raises UserError.
    """
    if isinstance(fill, str):
        return [round(255 * value) for value in mean] if mean is not None else [128] * channels
    levels = [fill] * channels if isinstance(fill, int) else list(fill)
    if len(levels) != channels:
        raise UserError(f"augment.fill={fill}: give one grey level, or one for each of {channels} channels")
    return levels
