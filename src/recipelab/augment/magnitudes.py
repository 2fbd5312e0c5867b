"""Magnitudes of the operations by level, as torchvision tabulates them (its `_augmentation_space`s)."""

from __future__ import annotations

import torch
from torch import Tensor

from recipelab.augment.operations import ENHANCEMENTS, OPERATIONS, SIGNED

Ranges = dict[str, tuple[float, float]]
"""Operation -> magnitude at the lowest and at the highest level; (0, 0) for those without."""


def paper_ranges(image_size: tuple[int, ...]) -> Ranges:
    """AutoAugment's (arXiv 1805.09501, table 6) and RandAugment's: 150/331 of an edge, 30 degrees, 0.9, 4 bits."""
    height, width = image_size
    return {
        "Identity": (0, 0),
        "ShearX": (0, 0.3),
        "ShearY": (0, 0.3),
        "TranslateX": (0, 150 / 331 * width),
        "TranslateY": (0, 150 / 331 * height),
        "Rotate": (0, 30),
        **dict.fromkeys(ENHANCEMENTS, (0.0, 0.9)),
        "Posterize": (8, 4),
        "Solarize": (255, 0),
        "AutoContrast": (0, 0),
        "Equalize": (0, 0),
    }


def wide_ranges() -> Ranges:
    """TrivialAugment's wide ones (arXiv 2103.10158): 0.99, 32 pixels, 135 degrees, 2 bits."""
    return {
        "Identity": (0, 0),
        "ShearX": (0, 0.99),
        "ShearY": (0, 0.99),
        "TranslateX": (0, 32),
        "TranslateY": (0, 32),
        "Rotate": (0, 135),
        **dict.fromkeys(ENHANCEMENTS, (0.0, 0.99)),
        "Posterize": (8, 2),
        "Solarize": (255, 0),
        "AutoContrast": (0, 0),
        "Equalize": (0, 0),
    }


def tabulate(ranges: Ranges, bins: int) -> Tensor:
    """Magnitudes (operations, bins) float64, a row for each of OPERATIONS; 0 where `ranges` has none.

    Interpolated in float32, bits of Posterize rounded half to even, as torchvision does.
    """
    table = torch.zeros(len(OPERATIONS), bins, dtype=torch.float64)
    for name, (low, high) in ranges.items():
        row = torch.linspace(low, high, bins)
        if name == "Posterize":
            row = low - (torch.arange(bins) / ((bins - 1) / (low - high))).round()
        table[OPERATIONS.index(name)] = row.double()
    return table


def with_signs(operation: Tensor, magnitude: Tensor, negative: Tensor) -> Tensor:
    """magnitude, negated where `negative` (bool) and the operation has two directions; all of one shape."""
    signed = torch.tensor([name in SIGNED for name in OPERATIONS])
    return torch.where(negative & signed[operation], -magnitude, magnitude)
