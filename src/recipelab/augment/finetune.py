"""Fine-tuning a network that was trained on larger images: resize, crop, flip, colour jitter, random erasing.

A common setting for pretrained ImageNet networks on small data sets: 256, then 224. The jitter is that of
torchvision's `ColorJitter` with the usual strengths of 0.4, in the fixed order brightness, contrast, colour (it
shuffles them). For evaluation the same resize and the middle 224. Interactions: the network sees 224x224 images
whatever the data's size.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from recipelab.augment.chain import Chain
from recipelab.augment.enhance import random_brightness, random_color, random_contrast
from recipelab.augment.erase import random_erasing
from recipelab.augment.flip import horizontal_flip
from recipelab.augment.primitive import Probability
from recipelab.augment.sized import Edge, ResizeCrop


def finetune(  # noqa: PLR0913 - each is a key of the slot
    *,
    image_size: tuple[int, ...],
    input_channels: int,
    mean: tuple[float, ...] | None = None,
    resize: Edge = 256,
    crop: Edge = 224,
    flip: Probability = 0.5,
    jitter: Annotated[float, Ge(0)] = 0.4,
    erasing: Probability = 0.5,
    eval: dict[str, Edge] | None = None,
) -> Chain:
    """jitter: strength of brightness, contrast and colour. erasing: probability. eval: {resize, crop} in pixels."""
    erased = random_erasing(image_size=(crop, crop), input_channels=input_channels, mean=mean, p=erasing)
    return Chain(
        {
            "crop": ResizeCrop(image_size=image_size, resize=resize, crop=crop, eval=eval),
            "flip": horizontal_flip(p=flip),
            "brightness": random_brightness(strength=jitter),
            "contrast": random_contrast(strength=jitter),
            "color": random_color(strength=jitter),
            "erasing": erased,
        }
    )
