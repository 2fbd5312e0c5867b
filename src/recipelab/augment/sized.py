"""Augmentations that give images of a size of their own, and prepare images for evaluation in the same size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from recipelab.augment.crops import center_crop, crop_boxes, cut, resize, resized_crop, shorter_edge
from recipelab.augment.primitive import require_dims
from recipelab.core.errors import UserError, did_you_mean

Edge = Annotated[int, Ge(1)]


class Prepare:
    """Evaluation preprocessing: the shorter edge resized to `resize`, then the middle square of `crop` cut out.

    eval: {"resize": pixels, "crop": pixels}. edge: what training gives; `crop` must be the same, so that the network
    and the normalisation see one size. Raises UserError.
    """

    def __init__(self, eval: Mapping[str, int], edge: int) -> None:
        for key in eval:
            if key not in ("resize", "crop"):
                raise UserError(
                    f"augment.eval.{key} is not an option{did_you_mean(key, ('resize', 'crop'), 'augment.eval.')}"
                    "\n  options: resize, crop"
                )
        self.resize, self.crop = eval.get("resize", edge), eval.get("crop", edge)
        if self.crop != edge:
            raise UserError(f"augment.eval.crop={self.crop}: training gives images of {edge} pixels; give the same")
        if self.resize < self.crop:
            raise UserError(f"augment.eval.resize={self.resize} is less than what is cut out, {self.crop} pixels")

    def __call__(self, images: Tensor) -> Tensor:
        """images (B, C, H, W) uint8 -> (B, C, crop, crop) uint8."""
        height, width = images.shape[2:]
        return center_crop(resize(images, shorter_edge((height, width), self.resize)), self.crop)


class RandomResizedCrop:
    """A box of random area and aspect, resized to a square.

    size: edge of the result in pixels. area: share of the image's. ratio: width over height. eval: see `Prepare`.
    Defaults: torchvision's, and the usual ones of ImageNet.
    """

    def __init__(
        self,
        *,
        image_size: tuple[int, ...],
        size: Edge = 224,
        area: tuple[Annotated[float, Gt(0), Le(1)], Annotated[float, Gt(0), Le(1)]] = (0.08, 1.0),
        ratio: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (3 / 4, 4 / 3),
        eval: dict[str, Edge] | None = None,
    ) -> None:
        require_dims(image_size, 2, "random_resized_crop")
        self.image_size, self.area, self.ratio = image_size, area, ratio
        self.output_size = (size, size)
        self.evaluate = Prepare(eval or {"resize": round(size / 0.875)}, size)

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """boxes (count, 4) int64: top, left, height, width."""
        return {"boxes": crop_boxes(count, generator, self.image_size, self.area, self.ratio)}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, H, W) uint8 -> (B, C, size, size) uint8."""
        return resized_crop(images, draws["boxes"], self.output_size)

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """Edges of the boxes."""
        return [f"crop {height}x{width}" for _, _, height, width in draws["boxes"].tolist()]


class ResizeCrop:
    """The shorter edge resized, then a square cut out at a random place.

    resize, crop: pixels. eval: see `Prepare`; the same resize and the middle unless given.
    """

    def __init__(
        self,
        *,
        image_size: tuple[int, ...],
        resize: Edge = 256,
        crop: Edge = 224,
        eval: dict[str, Edge] | None = None,
    ) -> None:
        require_dims(image_size, 2, "resize_crop")
        if crop > resize:
            raise UserError(f"augment.crop={crop} is more than augment.resize={resize} leaves to cut from")
        self.sizes = shorter_edge(image_size, resize)
        self.output_size = (crop, crop)
        self.evaluate = Prepare(eval or {"resize": resize, "crop": crop}, crop)

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """corners (count, 2) int64: top, left of the cut in the resized image."""
        free = torch.tensor(self.sizes) - torch.tensor(self.output_size) + 1
        return {"corners": (torch.rand(count, 2, generator=generator) * free).long()}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, H, W) uint8 -> (B, C, crop, crop) uint8."""
        return cut(resize(images, self.sizes), draws["corners"], self.output_size)

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """Where the cut is."""
        return [f"crop at {top},{left}" for top, left in draws["corners"].tolist()]
