"""Transforms of torchvision, plugged in image by image.

    augment:
      _target_: recipelab.augment.per_image.PerImage
      transforms:
        - {name: RandomPerspective, distortion_scale: 0.3}
        - {name: RandomHorizontalFlip}

For what has no batched counterpart here, at its cost: one call an image (a few thousand 32x32 images/s on a core, and
a GPU waits for each). Classes are those of `torchvision.transforms.v2`; their draws are made repeatable by a seed for
every sample. They must keep shape and type of a uint8 image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recipelab.augment.primitive import require_bytes, require_dims
from recipelab.core.errors import UserError, did_you_mean


class PerImage:
    """One after the other, `transforms` on every image by itself.

    transforms: name of a class of torchvision.transforms.v2, and its options.
    Raises UserError for a name that is none, or options that it does not take.
    """

    def __init__(self, *, image_size: tuple[int, ...], transforms: list[dict[str, Any]]) -> None:
        require_dims(image_size, 2, "torchvision's transforms")
        self.names = [str(entry.get("name")) for entry in transforms]
        self.transforms = [_build(index, entry) for index, entry in enumerate(transforms)]

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """seed (count,) int64."""
        return {"seed": torch.randint(2**31, (count,), generator=generator)}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, H, W) uint8 -> the same shape and type."""
        require_bytes(images, "a transform of torchvision")
        made = torch.empty_like(images.movedim(1, -1).contiguous()).movedim(-1, 1)
        with torch.random.fork_rng(devices=[]):
            for image, target, seed in zip(images, made, draws["seed"].tolist(), strict=True):
                torch.default_generator.manual_seed(seed)
                target.copy_(self._one(image))
        return made

    def _one(self, image: Tensor) -> Tensor:
        result = image
        for name, transform in zip(self.names, self.transforms, strict=True):
            result = transform(result)
            if result.shape != image.shape or result.dtype != image.dtype:
                raise UserError(
                    f"augment: {name} makes {tuple(result.shape)} {result.dtype} of {tuple(image.shape)} {image.dtype};"
                    " only transforms that keep both can be plugged in"
                )
        return result

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """The transforms, the same for every sample: what each drew is not known."""
        return [", ".join(self.names)] * len(draws["seed"])


def _build(index: int, entry: dict[str, Any]) -> Any:
    from torchvision.transforms import v2  # imported here: it takes a second that no other policy pays

    key, name = f"augment.transforms[{index}]", str(entry.get("name"))
    names = [n for n, made in vars(v2).items() if isinstance(made, type) and issubclass(made, v2.Transform)]
    if name not in names:
        raise UserError(
            f"{key}.name={name!r} is not a transform of torchvision.transforms.v2{did_you_mean(name, names)}"
        )
    try:
        return getattr(v2, name)(**{option: value for option, value in entry.items() if option != "name"})
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}: {name} cannot be built so: {error}") from error
