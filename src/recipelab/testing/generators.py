"""Data made by rule, for tests and examples of other tasks than images of classes: nothing is read but the digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def rotated_digits(
    seed: int = 0, *, size: int = 24, largest: float = 60.0
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The 1,797 handwritten digits of scikit-learn, each turned by an angle of its own: a regression on real images.

    Returns images (1797, size, size) uint8, and angles (1797,) float32 in degrees, counter-clockwise, uniform in
    [-largest, largest]. Digits are enlarged (bilinear) before they are turned (bicubic), on black.
    """
    from sklearn.datasets import load_digits  # imported here: it takes a second or two

    angles = np.random.default_rng(seed).uniform(-largest, largest, 1797).astype(np.float32)
    digits = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    turned = [
        Image.fromarray(digit)
        .resize((size, size), Image.Resampling.BILINEAR)
        .rotate(float(angle), Image.Resampling.BICUBIC)
        for digit, angle in zip(digits, angles, strict=True)
    ]
    return np.stack([np.asarray(image) for image in turned]), angles


def ripples(
    dims: int, count: int, *, size: int, classes: int = 4, noise: float = 0.5, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Noise with one ripple in it, whose wavelength is its class: a classification in 1, 2 or 3 dimensions.

    x(r) = cos(2 pi |r - c| / wavelength + phase) exp(-|r - c|^2 / (2 (size / 4)^2)) + noise * N(0, 1)

    with centre c uniform in the middle half and phase uniform: every class has the same mean in every place, nothing,
    so that no linear function of the values tells classes apart, and a small convolutional network does. Wavelengths
    are from 3 to size / 2.5, evenly spaced by their logarithms.

    Returns values (count, size, ...) float32 with `dims` sizes, and labels (count,) int64 in equal shares, mixed.
    """
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % classes)
    wavelengths = np.geomspace(3, size / 2.5, classes)
    grid = np.stack(np.meshgrid(*[np.arange(size)] * dims, indexing="ij"), axis=-1)
    values = np.empty((count, *[size] * dims), dtype=np.float32)
    for row, label in enumerate(labels):
        distance = np.linalg.norm(grid - draw.uniform(size / 4, 3 * size / 4, dims), axis=-1)
        wave = np.cos(2 * np.pi * (distance / wavelengths[label] + draw.uniform()))
        values[row] = wave * np.exp(-((distance / (size / 4)) ** 2) / 2) + noise * draw.standard_normal(distance.shape)
    return values, labels.astype(np.int64)
