"""Random resized crops: a box of random area and aspect, cut out of the whole image and resized.

Szegedy et al. 2014, Going deeper with convolutions (arXiv 1409.4842), section 6; the boxes are torchvision's
(`RandomResizedCrop.get_params`), with its defaults: area 0.08 to 1 of the image, aspect 3/4 to 4/3.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from recipelab.core.errors import UserError
from recipelab.data.decode import Interpolation

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Crop:
    """A random crop. scale: range of the box's share of the area. ratio: range of its width over its height."""

    scale: tuple[float, float] = SCALE
    ratio: tuple[float, float] = RATIO

    def __call__(
        self, image: Image.Image, size: tuple[int, int], interpolation: Interpolation = "bilinear"
    ) -> Image.Image:
        """A crop resized to `size` = (height, width), antialiased; its box is drawn from torch's default generator."""
        from torchvision.transforms import RandomResizedCrop  # imported here: only crops wait for it

        top, left, height, width = RandomResizedCrop.get_params(image, list(self.scale), list(self.ratio))
        box = image.crop((left, top, left + width, top + height))
        return box.resize((size[1], size[0]), Image.Resampling[interpolation.upper()])


def make_crop(scale: list[float] | None, ratio: list[float] | None) -> Crop | None:
    """The crop of the keys `data.crop_scale` and `data.crop_ratio`; None without a scale. Raises UserError."""
    if scale is None:
        if ratio is not None:
            raise UserError("data.crop_ratio has nothing to apply to: give data.crop_scale, such as [0.08,1]")
        return None
    for key, (low, high) in {"crop_scale": scale, "crop_ratio": ratio or RATIO}.items():
        if not 0 < low <= high or (key == "crop_scale" and high > 1):
            raise UserError(f"data.{key}=[{low},{high}]: a range of positive numbers is expected, the lower first")
    return Crop((scale[0], scale[1]), (ratio[0], ratio[1]) if ratio else RATIO)
