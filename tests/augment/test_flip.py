"""Mirror images."""

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.flip import AlternatingFlip, flip, horizontal_flip, vertical_flip
from recipelab.core.errors import UserError


@pytest.mark.parametrize("size", [(9,), (6, 7), (4, 5, 6)])
def test_the_last_axes(size):
    images = random_images(size=size)
    assert torch.equal(flip(images, -1), images.flip(-1))
    assert torch.equal(flip(flip(images, -1), -1), images)
    if len(size) > 1:
        assert torch.equal(flip(images, -2), images.flip(-2))
        assert torch.equal(flip(images, 0), images.flip(2))


def test_a_flip_has_its_probability_and_touches_whole_images():
    images = random_images(500)
    for slot, axis in ((horizontal_flip(p=0.3), -1), (vertical_flip(image_size=(32, 24), p=0.3), -2)):
        draws = slot.draw(500, torch.Generator().manual_seed(0))
        on = draws["chosen"]
        assert abs(float(on.float().mean()) - 0.3) < 0.1
        wanted = torch.where(on.view(-1, 1, 1, 1), images.flip(axis), images)
        assert torch.equal(slot(images, draws), wanted)


def test_up_and_down_needs_two_dimensions():
    with pytest.raises(UserError, match="vertical_flip takes images of 2 or 3 dimensions"):
        vertical_flip(image_size=(8,))


def test_alternating_flip_shows_every_image_both_ways_in_two_epochs():
    slot, rng = AlternatingFlip(), torch.Generator()
    first = slot.draw_epoch(torch.arange(2000), 0, rng)["flip"]
    second = slot.draw_epoch(torch.arange(2000), 1, rng)["flip"]
    assert torch.equal(first, ~second)
    assert torch.equal(first, slot.draw_epoch(torch.arange(2000), 2, rng)["flip"])
    assert abs(float(first.float().mean()) - 0.5) < 0.06
    order = torch.randperm(2000)
    assert torch.equal(slot.draw_epoch(order, 0, rng)["flip"], first[order]), "it goes with the sample, not the place"
