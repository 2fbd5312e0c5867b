"""ImageNet training: random resized crop, flip, a policy or none, random erasing.

Szegedy et al. 2014 (arXiv 1409.4842) and He et al. 2015 for crop and flip; the options and their places are those of
torchvision's reference recipe (crop, flip, policy, normalise, erasing). For evaluation 256, then the middle 224.
Interactions: the network sees `size` x `size` images whatever the data's size. Where the data come as random crops
already (data.crop_scale, as with data=imagenet: out of the whole files), there is no second crop, neither in training
nor in evaluation.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Gt, Le

from recipelab.augment.affine import Interpolation
from recipelab.augment.autoaugment import auto_augment
from recipelab.augment.chain import Chain
from recipelab.augment.erase import Fill, random_erasing
from recipelab.augment.flip import horizontal_flip
from recipelab.augment.magnitudes import paper_ranges, wide_ranges
from recipelab.augment.operations import Operations
from recipelab.augment.primitive import Probability, fill_levels
from recipelab.augment.randaugment import rand_augment
from recipelab.augment.sized import Edge, RandomResizedCrop
from recipelab.augment.trivialaugment import trivial_augment
from recipelab.core.errors import UserError

Policy = Literal["none", "autoaugment", "randaugment", "trivialaugment"]
AREA, EVAL = (0.08, 1.0), {"resize": 256, "crop": 224}


def imagenet(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    cropped: bool = False,
    size: Edge = 224,
    area: tuple[Annotated[float, Gt(0), Le(1)], Annotated[float, Gt(0), Le(1)]] = AREA,
    flip: Probability = 0.5,
    policy: Policy = "none",
    erasing: Probability = 0.0,
    interpolation: Interpolation = "bilinear",
    fill: Fill = 128,
    eval: dict[str, Edge] | None = None,
) -> Chain:
    """policy: ImageNet's AutoAugment, RandAugment (2 at 9 of 31), or TrivialAugment; interpolation and fill are its.

    area: share of the image that a crop shows. erasing: probability. eval: {resize, crop} in pixels. cropped: a fact of
    the data, which then say size, area and eval. Raises UserError when these are given otherwise here.
    """
    output = (size, size)
    levels = fill_levels(fill, mean, input_channels)
    parts: dict[str, Any] = {}
    if cropped:
        _require_same(image_size, size, area, eval)
    else:
        parts["crop"] = RandomResizedCrop(image_size=image_size, size=size, area=area, eval=eval)
    parts["flip"] = horizontal_flip(p=flip)
    if policy != "none":
        sample, drawn = _sampler(policy, output)
        parts["policy"] = Operations(sample, drawn, image_size=output, fill=levels, interpolation=interpolation)
    parts["erasing"] = random_erasing(image_size=output, input_channels=input_channels, mean=mean, p=erasing)
    return Chain(parts)


def _require_same(
    image_size: tuple[int, ...], size: int, area: tuple[float, float], eval: dict[str, int] | None
) -> None:
    """What the data do already cannot be asked for here, too. Raises UserError."""
    if (size, size) != tuple(image_size):
        raise UserError(
            f"augment.size={size}: data.crop_scale gives crops of {'x'.join(map(str, image_size))}; give the same size"
            " here, or data.image_size"
        )
    for key, value, usual, where in (
        ("area", tuple(area), AREA, "data.crop_scale"),
        ("eval", eval, EVAL, "data.resize_size and data.image_size"),
    ):
        if value not in (None, usual):
            raise UserError(f"augment.{key} has nothing to apply to: data.crop_scale cuts the crops; give {where}")


def _sampler(policy: Policy, image_size: tuple[int, ...]) -> Any:
    """A sampler and the operations that it can draw."""
    if policy == "autoaugment":
        return auto_augment("imagenet", image_size)
    ranges = paper_ranges(image_size) if policy == "randaugment" else wide_ranges()
    return (rand_augment(2, 9, ranges) if policy == "randaugment" else trivial_augment(ranges)), set(ranges)
