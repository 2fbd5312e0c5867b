"""Several augmentations one after the other, each with draws of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.core.generators import epoch_draws


class Chain:
    """Augmentations by name, applied in the order given; what each draws is kept under "name.draw".

    parts: name -> augmentation (see `recipelab.augment`). At most one may change the size of images, and it must then
        have `output_size`, the sizes it gives, and `evaluate`, which makes images for evaluation of the same sizes.
    Raises UserError when two change it.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        resizing = [name for name, part in self.parts.items() if hasattr(part, "output_size")]
        if len(resizing) > 1:
            raise UserError(f"augment: {' and '.join(resizing)} both change the size of images; keep one of them")
        for name in resizing:
            self.output_size: tuple[int, ...] = self.parts[name].output_size
            self.evaluate = self.parts[name].evaluate

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The draws of every part, taken from `generator` in the order of the parts."""
        return self._gather({name: part.draw(count, generator) for name, part in self.parts.items()})

    def draw_epoch(self, order: Tensor, epoch: int, generator: torch.Generator) -> dict[str, Tensor]:
        """As `draw`, for parts that depend on the sample or the epoch (see `recipelab.augment`)."""
        return self._gather({name: epoch_draws(part, order, epoch, generator) for name, part in self.parts.items()})

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, *S) through every part."""
        for name, part in self.parts.items():
            images = part(images, _own(name, draws))
        return images

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """What each sample goes through, as the parts tell it: (B,) strings."""
        told = [p.describe(_own(name, draws)) for name, p in self.parts.items() if hasattr(p, "describe")]
        return [", ".join(filter(None, texts)) for texts in zip(*told, strict=True)]

    @staticmethod
    def _gather(draws: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {f"{name}.{key}": value for name, own in draws.items() for key, value in own.items()}


def _own(name: str, draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {key[len(prefix) :]: value for key, value in draws.items() if key.startswith(prefix)}
