"""Operations drawn sample by sample equal torchvision's, applied one after the other to one PIL image at a time."""

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

from pil_reference import one_by_one, random_images
from recipelab.augment.magnitudes import paper_ranges, tabulate, wide_ranges
from recipelab.augment.operations import OPERATIONS, Operations, levels
from recipelab.core.errors import UserError

SIZE = (32, 24)
NAMES = [name for name in OPERATIONS if name != "Cutout"]


def policy(operation, magnitude, **options):
    """A policy whose draw is what is given: (count, n) operations by name and magnitudes."""
    codes = torch.tensor([[OPERATIONS.index(name) for name in row] for row in operation])
    numbers = torch.tensor(magnitude, dtype=torch.float64)
    drawn = {name for row in operation for name in row}
    return Operations(lambda count, generator: (codes, numbers), drawn, image_size=SIZE, **options)


def reference(images, operation, magnitude, fill, mode=InterpolationMode.NEAREST):
    def apply(image, index):
        for name, number in zip(operation[index], magnitude[index], strict=True):
            image = _apply_op(image, name, number, mode, fill if len(fill) == 3 else fill[0])
        return image

    return one_by_one(images, apply)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ranges", [paper_ranges(SIZE), wide_ranges()], ids=["paper", "wide"])
def test_every_operation_at_every_level(name, channels, ranges):
    numbers = tabulate({"Invert": (0, 0), **ranges}, 31)[OPERATIONS.index(name)]
    numbers = torch.cat([numbers, -numbers]) if name not in ("Posterize", "Solarize") else numbers
    numbers = [[value] for value in numbers.tolist()]
    images, fill = random_images(len(numbers), SIZE, channels), [9, 90, 180][:channels]
    slot = policy([[name]] * len(numbers), numbers, fill=fill)
    made = slot(images, slot.draw(len(numbers), torch.Generator()))
    assert torch.equal(made, reference(images, [[name]] * len(numbers), numbers, fill))


@pytest.mark.parametrize("count", [1, 2, 200])
def test_a_batch_of_different_pairs(count):
    rng = torch.Generator().manual_seed(count)
    table = tabulate({"Invert": (0, 0), **paper_ranges(SIZE)}, 31)
    codes = torch.randint(len(NAMES), (count, 2), generator=rng)
    operation = [[NAMES[code] for code in row] for row in codes.tolist()]
    magnitude = table[codes, torch.randint(31, (count, 2), generator=rng)].tolist()
    images, slot = random_images(count, SIZE), policy(operation, magnitude, fill=[128] * 3)
    draws = slot.draw(count, torch.Generator())
    wanted = reference(images, operation, magnitude, [128] * 3)
    assert torch.equal(slot(images, draws), wanted)
    assert torch.equal(_masked(slot, images, draws), wanted), "as a GPU does it, without sorting"


def _masked(slot, images, draws):
    for layer in range(2):
        images = slot._masked(images, {name: draw[:, layer] for name, draw in draws.items()})
    return images


def test_bilinear_moves_between_pixels():
    names, numbers = [["Rotate"]] * 8, [[float(angle)] for angle in range(8)]
    images = random_images(8, SIZE)
    slot = policy(names, numbers, fill=[0, 0, 0], interpolation="bilinear")
    made = slot(images, slot.draw(8, torch.Generator()))
    wanted = reference(images, names, numbers, [0, 0, 0], InterpolationMode.BILINEAR)
    apart = (made.int() - wanted.int()).abs().amax(1) > 1
    assert apart.float().mean() < 0.01, "but for sources exactly on the border"


def test_no_operation_is_the_identity():
    images = random_images()
    slot = Operations(
        lambda count, generator: (torch.zeros(count, 0, dtype=torch.int64), torch.zeros(count, 0)),
        {"Rotate"},
        image_size=SIZE,
        fill=[0, 0, 0],
    )
    assert torch.equal(slot(images, slot.draw(32, torch.Generator())), images)


def test_cutout_hides_a_square():
    images = torch.zeros(50, 1, *SIZE, dtype=torch.uint8)
    slot = policy([["Cutout"]] * 50, [[10.0]] * 50, fill=[200])
    hidden = slot(images, slot.draw(50, torch.Generator().manual_seed(0))) == 200
    assert hidden.sum((1, 2, 3)).max() == 100
    assert hidden.sum((1, 2, 3)).min() >= 25


def test_names_and_levels():
    slot = policy([["ShearX", "Identity"], ["Equalize", "Solarize"]], [[0.1, 0], [0, 178.5]], fill=[0])
    assert slot.describe(slot.draw(2, torch.Generator())) == ["ShearX 0.1", "Equalize, Solarize 178"]
    codes = torch.tensor([OPERATIONS.index(name) for name in ("Brightness", "Sharpness", "Posterize")])
    assert levels(codes, torch.tensor([0.5, -0.5, 4.0])).tolist() == [1.5, 0.5, 4.0]


def test_two_dimensions_are_needed():
    with pytest.raises(UserError, match="a policy of operations takes images of 2 dimensions, and these have 1"):
        Operations(lambda count, generator: None, set(), image_size=(8,), fill=[0])
