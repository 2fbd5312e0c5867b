"""Cutout and random erasing: boxes against a slow twin, and their published distributions."""

import itertools

import pytest
import torch
from torchvision.transforms import RandomErasing

from pil_reference import random_images
from recipelab.augment.erase import cutout, erase, erasing_boxes, random_erasing, square_boxes
from recipelab.core.errors import UserError

FACTS = {"input_channels": 3, "mean": (0.5, 0.25, 1.0)}


@pytest.mark.parametrize(("size", "channels"), [((9,), 2), ((7, 5), 3), ((4, 5, 6), 1)])
@pytest.mark.parametrize("holes", [0, 1, 2])
def test_boxes_against_a_slow_twin(size, channels, holes):
    images, rng = random_images(6, size, channels), torch.Generator().manual_seed(1)
    low = torch.randint(-3, 6, (6, holes, len(size)), generator=rng)
    boxes = torch.stack([low, low + torch.randint(0, 6, low.shape, generator=rng)], -1)
    fill = torch.arange(channels, dtype=torch.uint8) + 100
    made = erase(images, boxes, fill)
    for index, place in itertools.product(range(6), itertools.product(*map(range, size))):
        hidden = any(all(box[d, 0] <= place[d] < box[d, 1] for d in range(len(size))) for box in boxes[index])
        at = (index, slice(None), *place)
        assert torch.equal(made[at], fill if hidden else images[at])


def test_cutout_is_clipped_at_the_border_and_centred_anywhere():
    """The centre is any pixel, so a corner of the image is hidden a quarter as often as its middle."""
    images = torch.zeros(4000, 1, 32, 32, dtype=torch.uint8)
    hole = cutout(image_size=(32, 32), input_channels=1, size=16, fill=255)
    hidden = (hole(images, hole.draw(4000, torch.Generator().manual_seed(0))) == 255).float()
    often = hidden.mean(0)[0]
    assert abs(float(often[16, 16]) - 0.25) < 0.03
    assert abs(float(often[0, 0]) - (8 / 32) ** 2) < 0.02
    assert hidden.sum((1, 2, 3)).max() == 256


def test_colours():
    images = random_images()
    for fill, wanted in ((7, [7, 7, 7]), ([1, 2, 3], [1, 2, 3]), ("mean", [128, 64, 255])):
        hole = cutout(image_size=(32, 24), size=64, fill=fill, **FACTS)
        made = hole(images, hole.draw(32, torch.Generator()))
        assert made.flatten(2).eq(torch.tensor(wanted).view(1, 3, 1)).all()
    with pytest.raises(UserError, match="one for each of 3 channels"):
        cutout(image_size=(8, 8), fill=[1, 2], **FACTS)


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_random_erasing_has_torchvisions_distribution(size):
    boxes = erasing_boxes(4000, torch.Generator().manual_seed(0), size, (0.02, 0.33), (0.3, 3.3))[:, 0]
    ours = (boxes[..., 1] - boxes[..., 0]).double()
    torch.manual_seed(1)
    drawn = [RandomErasing.get_params(torch.zeros(1, *size), (0.02, 0.33), (0.3, 3.3), [0.0]) for _ in range(4000)]
    theirs = torch.tensor([row[2:4] for row in drawn]).double()
    for statistic in (lambda e: e[:, 0], lambda e: e[:, 1], lambda e: e.prod(1)):
        a, b = statistic(ours), statistic(theirs)
        assert abs(float(a.mean() - b.mean())) < 5 * float((a.var() / 4000 + b.var() / 4000).sqrt())
    assert bool((boxes[..., 0] >= 0).all())
    assert bool((boxes[..., 1] <= torch.tensor(size)).all())


def test_erasing_happens_with_its_probability():
    images = torch.zeros(2000, 3, 16, 16, dtype=torch.uint8)
    slot = random_erasing(image_size=(16, 16), p=0.3, **FACTS)
    touched = slot(images, slot.draw(2000, torch.Generator().manual_seed(0))).flatten(1).any(1)
    assert abs(float(touched.float().mean()) - 0.3) < 0.05


def test_noise_fills_a_box_with_all_levels():
    images = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    slot = random_erasing(image_size=(32, 32), p=1.0, fill="noise", **FACTS)
    made = slot(images, slot.draw(200, torch.Generator().manual_seed(0)))
    assert len(made.unique()) == 256


def test_even_and_odd_squares():
    assert square_boxes(torch.tensor([[[4]]]), 3).tolist() == [[[[3, 6]]]]
    assert square_boxes(torch.tensor([[[4]]]), 2).tolist() == [[[[3, 5]]]]
