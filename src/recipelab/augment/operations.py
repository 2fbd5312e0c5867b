"""The operations that AutoAugment, RandAugment and TrivialAugment draw from, sample by sample, for a whole batch.

A draw names operation and magnitude. Before anything moves to a device it is lowered to a family of kernels with
numbers: the five geometric operations become one affine map, each its matrix. A batch is then worked through family by
family, on the CPU each only on the samples that drew it.

Names, magnitudes and pixels are torchvision's on PIL images (`_apply_op` of its autoaugment), which follow the papers'
code: ShearX, ShearY (tangent), TranslateX, TranslateY (pixels, truncated), Rotate (degrees), Brightness, Color,
Contrast, Sharpness (factor - 1), Posterize (bits), Solarize (threshold), AutoContrast, Equalize, Invert, Identity; and
Cutout (edge in pixels), which the variant in `randaugment_uda` has.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from recipelab.augment import enhance, tones
from recipelab.augment.affine import Interpolation, about, affine, fixed
from recipelab.augment.erase import erase, square_boxes
from recipelab.augment.primitive import require_dims

GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
ENHANCEMENTS = ("Brightness", "Color", "Contrast", "Sharpness")
OPERATIONS = (
    "Identity",
    *GEOMETRY,
    *ENHANCEMENTS,
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
    "Invert",
    "Cutout",
)
SIGNED = {*GEOMETRY, *ENHANCEMENTS}
FAMILIES: dict[str, Callable[..., Tensor]] = {
    "Identity": lambda images, level: images,
    "Affine": affine,
    "Brightness": enhance.brightness,
    "Color": enhance.color,
    "Contrast": enhance.contrast,
    "Sharpness": enhance.sharpness,
    "Posterize": tones.posterize,
    "Solarize": tones.solarize,
    "AutoContrast": lambda images, level: tones.autocontrast(images),
    "Equalize": lambda images, level: tones.equalize(images),
    "Invert": lambda images, level: tones.invert(images),
    "Cutout": erase,
}
"""The kernels; the five of GEOMETRY are Affine."""
# Bytes of images that a kernel works on at once on the CPU: its float32 copies and indices, many times as large, should
# stay in the cache.
_RUN_BYTES = 2**18
Sample = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
"""(count, generator) -> operation (count, n) int64, an index into OPERATIONS, and magnitude (count, n) float64."""


class Operations:
    """n operations on every sample, one after the other.

    sample: draws operations and magnitudes. drawn: names of those that it can draw; the others cost nothing.
    fill: one level a channel, for what comes in from outside and for Cutout.
    Raises UserError for images that are not two-dimensional.
    """

    def __init__(
        self,
        sample: Sample,
        drawn: set[str],
        *,
        image_size: tuple[int, ...],
        fill: list[int],
        interpolation: Interpolation = "nearest",
    ) -> None:
        require_dims(image_size, 2, "a policy of operations")
        self.sample, self.image_size = sample, image_size
        self.fill, self.interpolation = fill, interpolation
        self.families = [name for name in FAMILIES if name in drawn | {"Identity", "Affine"}]
        self.parameters = ["level", "matrix", *(["center"] if "Cutout" in drawn else [])]
        self.family_of = torch.tensor([self._family(name) for name in OPERATIONS])

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """What each sample goes through, and the numbers of its kernels.

        operation, family (count, n) uint8; magnitude, level (count, n) float32; matrix (count, n, 2, 3) in fixed point;
        center (count, n, 1, 2) int64 where Cutout can be drawn.
        """
        operation, magnitude = self.sample(count, generator)
        matrix = matrices(operation.flatten(), magnitude.flatten(), self.image_size)
        draws = {
            "operation": operation.to(torch.uint8),
            "family": self.family_of[operation].to(torch.uint8),
            "magnitude": magnitude.float(),
            "level": levels(operation, magnitude).float(),
            "matrix": fixed(matrix, bits=32 if self.interpolation == "bilinear" else 16).view(*operation.shape, 2, 3),
        }
        if "center" in self.parameters:
            uniform = torch.rand(*operation.shape, 1, 2, generator=generator)
            draws["center"] = (uniform * torch.tensor(self.image_size)).long()
        return draws

    def _family(self, operation: str) -> int:
        """The index among `families` of an operation's kernel; Identity's for those that are not drawn."""
        name = "Affine" if operation in GEOMETRY else operation
        return self.families.index(name) if name in self.families else 0

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """images (B, C, H, W) uint8 -> the same shape and type, channels-last memory order."""
        apply = self._grouped if images.device.type == "cpu" else self._masked
        for layer in range(draws["operation"].shape[1]):
            images = apply(images, {name: draw[:, layer] for name, draw in draws.items()})
        return images

    def _grouped(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """One operation on every sample: the batch sorted by family, each family's run worked on, and sorted back."""
        family = draws["family"].long()
        order = family.argsort(stable=True)
        runs = torch.bincount(family, minlength=len(self.families)).tolist()
        most = max(1, _RUN_BYTES // images[0].nbytes)
        names = [
            (name, min(most, run - at))
            for name, run in zip(self.families, runs, strict=True)
            for at in range(0, run, most)
        ]
        sizes = [size for _, size in names]
        pixels = images.movedim(1, -1).contiguous().index_select(0, order).movedim(-1, 1).split(sizes)
        rows = [draws[name].index_select(0, order).split(sizes) for name in self.parameters]
        made = [
            self._apply(name, *parts).movedim(1, -1) for (name, _), *parts in zip(names, pixels, *rows, strict=True)
        ]
        return torch.cat(made).index_select(0, order.argsort()).movedim(-1, 1)

    def _masked(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """The same without waiting for a GPU to count: every family on the whole batch, kept where it was drawn."""
        parameters = [draws[name] for name in self.parameters]
        result = images
        for index, name in enumerate(self.families):
            chosen = (draws["family"] == index).view(-1, 1, 1, 1)
            result = torch.where(chosen, self._apply(name, images, *parameters), result) if index else result
        return result

    def _apply(self, family: str, images: Tensor, level: Tensor, *others: Tensor) -> Tensor:
        if family == "Affine":
            return affine(images, others[0], fill=self.fill, interpolation=self.interpolation)
        if family == "Cutout":
            fill = torch.tensor(self.fill, dtype=images.dtype).to(images.device, non_blocking=True)
            return erase(images, square_boxes(others[-1], level.long().view(-1, 1, 1)), fill)
        return FAMILIES[family](images, level)

    def describe(self, draws: dict[str, Tensor]) -> list[str]:
        """Names and magnitudes of each sample's operations, Identity left out: (B,) strings."""
        rows = zip(draws["operation"].tolist(), draws["magnitude"].tolist(), strict=True)
        return [", ".join(_named(*pair) for pair in zip(*row, strict=True) if pair[0]) for row in rows]


def _named(operation: int, magnitude: float) -> str:
    name = OPERATIONS[operation]
    return name if name in ("AutoContrast", "Equalize", "Invert") else f"{name} {magnitude:.3g}"


def levels(operation: Tensor, magnitude: Tensor) -> Tensor:
    """What a family's kernel takes: the factor of an enhancement is 1 + magnitude, all others are as they are."""
    first, last = (OPERATIONS.index(ENHANCEMENTS[end]) for end in (0, -1))
    return magnitude + ((operation >= first) & (operation <= last))


def matrices(operation: Tensor, magnitude: Tensor, image_size: tuple[int, ...]) -> Tensor:
    """Inverse matrices (count, 2, 3) float64 of geometric operations (count,), the identity for others.

    Shears keep the top left corner, rotations the middle; positive degrees turn counter-clockwise.
    """
    shear_x, shear_y, shift_x, shift_y, angle = (
        torch.where(operation == OPERATIONS.index(name), magnitude, 0.0) for name in GEOMETRY
    )
    cos, sin = angle.deg2rad().cos(), angle.deg2rad().sin()
    turned = torch.stack([cos, sin, -sin, cos], -1).view(-1, 2, 2)
    slanted = torch.zeros_like(turned)
    slanted[:, 0, 1], slanted[:, 1, 0] = shear_y, shear_x
    shift = torch.stack([shift_y, shift_x], -1).trunc()
    middle = about(turned, tuple(size / 2 for size in image_size), shift)
    middle[:, :, :2] += slanted
    return middle
