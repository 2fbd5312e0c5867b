"""Every primitive by the name that a policy of one's own uses (`augment=list`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recipelab.augment.baseline import crop
from recipelab.augment.blur import random_blur
from recipelab.augment.enhance import random_brightness, random_color, random_contrast, random_sharpness
from recipelab.augment.erase import cutout, random_erasing
from recipelab.augment.flip import AlternatingFlip, horizontal_flip, vertical_flip
from recipelab.augment.geometry import random_affine, rotate, scale, shear, translate
from recipelab.augment.hue import random_grayscale, random_hue
from recipelab.augment.noise import random_noise
from recipelab.augment.sized import RandomResizedCrop, ResizeCrop
from recipelab.augment.tones import (
    random_autocontrast,
    random_equalize,
    random_invert,
    random_posterize,
    random_solarize,
)

PRIMITIVES: dict[str, Callable[..., Any]] = {
    "crop": crop,
    "horizontal_flip": horizontal_flip,
    "vertical_flip": vertical_flip,
    "alternating_flip": AlternatingFlip,
    "random_resized_crop": RandomResizedCrop,
    "resize_crop": ResizeCrop,
    "translate": translate,
    "rotate": rotate,
    "shear": shear,
    "scale": scale,
    "affine": random_affine,
    "cutout": cutout,
    "random_erasing": random_erasing,
    "brightness": random_brightness,
    "contrast": random_contrast,
    "color": random_color,
    "sharpness": random_sharpness,
    "hue": random_hue,
    "grayscale": random_grayscale,
    "posterize": random_posterize,
    "solarize": random_solarize,
    "autocontrast": random_autocontrast,
    "equalize": random_equalize,
    "invert": random_invert,
    "gaussian_noise": random_noise,
    "gaussian_blur": random_blur,
}
