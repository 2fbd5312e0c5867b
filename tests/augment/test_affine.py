"""The affine resampling: Pillow's pixels for two dimensions, a slow twin for others."""

import itertools
import math

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from pil_reference import furthest, one_by_one, random_images
from recipelab.augment.affine import about, affine, fixed, inverse_matrices

COUNT, SIZE = 48, (32, 24)
CENTER = (16.0, 12.0)
MODES = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}


def numbers(*shape, low=-1.0, high=1.0, seed=1):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=rng, dtype=torch.float64) * (high - low) + low


def maps(angle=0.0, translate=0.0, scale=0.0, shear=0.0):
    """Parameters of COUNT maps, each drawn within the given reach."""
    return {
        "angle": numbers(COUNT, seed=2) * angle,
        "translate": (numbers(COUNT, 2, seed=3) * translate).round(),
        "scale": 1 + numbers(COUNT, seed=4) * scale,
        "shear": numbers(COUNT, 2, seed=5) * shear,
    }


def torchvision_affine(images, found, mode, fill):
    """torchvision's functional with the same parameters; it takes x before y."""

    def operation(image, index):
        row = {key: value[index] for key, value in found.items()}
        return F.affine(
            image,
            angle=float(row["angle"]),
            translate=[int(row["translate"][1]), int(row["translate"][0])],
            scale=float(row["scale"]),
            shear=[float(row["shear"][1]), float(row["shear"][0])],
            interpolation=MODES[mode],
            fill=fill if len(fill) == 3 else fill[0],
        )

    return one_by_one(images, operation)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "reach",
    [{"angle": 180, "translate": 9, "scale": 0.5, "shear": 40}, {"translate": 12}, {"shear": 30}, {"angle": 30}],
)
def test_nearest_is_torchvisions_to_the_bit(channels, reach):
    images, fill = random_images(COUNT, SIZE, channels), [10, 200, 30][:channels]
    found = maps(**reach)
    matrices = inverse_matrices(**found, center=CENTER)
    made = affine(images, fixed(matrices), fill=fill)
    assert torch.equal(made, torchvision_affine(images, found, "nearest", fill))


def test_scaling_alone_is_torchvisions_to_the_bit():
    """Pillow scales in float64; 32 fraction bits are as good, 16 are not."""
    images, found = random_images(COUNT, SIZE), maps(scale=0.6)
    made = affine(images, fixed(inverse_matrices(**found, center=CENTER), bits=32), fill=[0, 0, 0])
    assert torch.equal(made, torchvision_affine(images, found, "nearest", [0, 0, 0]))


def test_rotation_is_that_of_torchvision():
    images, found = random_images(COUNT, SIZE), maps(angle=180)
    turned = inverse_matrices(**{**found, "angle": -found["angle"]}, center=CENTER)
    wanted = one_by_one(images, lambda image, index: F.rotate(image, float(found["angle"][index])))
    assert torch.equal(affine(images, fixed(turned), fill=[0, 0, 0]), wanted)


@pytest.mark.parametrize("channels", [1, 3])
def test_bilinear_is_within_a_level_inside_the_image(channels):
    """Where the source is on the border to 1/1000 of a pixel, rounding decides whether it is still inside."""
    images, fill = random_images(COUNT, SIZE, channels), [10, 200, 30][:channels]
    found = maps(angle=180, translate=9, scale=0.5, shear=30)
    matrices = inverse_matrices(**found, center=CENTER)
    made = affine(images, fixed(matrices, bits=32), fill=fill, interpolation="bilinear")
    grid = torch.stack(torch.meshgrid(*(torch.arange(size) + 0.5 for size in SIZE), indexing="ij"), -1).double()
    source = torch.einsum("bij,hwj->bhwi", matrices[..., :2], grid) + matrices[:, None, None, :, 2]
    near = torch.minimum(source.abs(), (source - torch.tensor(SIZE)).abs()).amin(-1) < 1e-3
    wanted = torchvision_affine(images, found, "bilinear", fill)
    away = ~near.unsqueeze(1)
    assert near.float().mean() < 0.01
    assert furthest(made * away, wanted * away) <= 1


@pytest.mark.parametrize(("size", "channels"), [((11,), 2), ((7, 5), 1), ((5, 6, 4), 2)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_any_dimensions_against_a_slow_twin(size, channels, interpolation):
    dims, images = len(size), random_images(3, size, channels)
    linear = torch.eye(dims, dtype=torch.float64) + 0.3 * numbers(3, dims, dims)
    matrices = about(linear, tuple(edge / 2 for edge in size), numbers(3, dims, low=-2, high=2))
    made = affine(images, fixed(matrices, bits=32), fill=[9] * channels, interpolation=interpolation)
    for index in range(3):
        for place in itertools.product(*map(range, size)):
            at = matrices[index, :, :-1] @ (torch.tensor(place) + 0.5).double() + matrices[index, :, -1]
            inside = all(0 <= at[d] < size[d] for d in range(dims))
            value = slow_sample(images[index], at, interpolation) if inside else torch.full((channels,), 9.0)
            assert (made[(index, slice(None), *place)] - value).abs().max() <= (interpolation == "bilinear")


def slow_sample(image, at, interpolation):
    """The value (C,) of image (C, *S) at continuous coordinates."""
    size = image.shape[1:]
    if interpolation == "nearest":
        return image[(slice(None), *(int(x) for x in at))].float()
    total = torch.zeros(len(image))
    for corner in itertools.product((0, 1), repeat=len(size)):
        weight, index = 1.0, []
        for x, up, edge in zip((at - 0.5).tolist(), corner, size, strict=True):
            low = math.floor(x)
            weight *= (x - low) if up else (1 - x + low)
            index.append(min(max(low + up, 0), edge - 1))
        total += weight * image[(slice(None), *index)].float()
    return total.floor()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_the_identity_changes_no_bit(interpolation):
    images = random_images()
    eye = about(torch.eye(2, dtype=torch.float64).expand(32, -1, -1), CENTER, torch.zeros(32, 2, dtype=torch.float64))
    for bits in (16, 32):
        assert torch.equal(affine(images, fixed(eye, bits=bits), fill=[0, 0, 0], interpolation=interpolation), images)


def test_numbers_of_any_type_are_moved():
    images = torch.randn(8, 5, 6, 3).movedim(-1, 1)
    shift = about(torch.eye(2, dtype=torch.float64).expand(8, -1, -1), (0.0, 0.0), torch.ones(8, 2).double())
    made = affine(images, fixed(shift), fill=[0, 0, 0])
    assert torch.equal(made[:, :, 1:, 1:], images[:, :, :-1, :-1])
    assert not made[:, :, 0].any()
