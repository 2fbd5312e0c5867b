"""Changes of size against torchvision."""

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from pil_reference import furthest, random_images
from recipelab.augment.crops import (
    _by_matrices,
    center_crop,
    crop_boxes,
    cut,
    resize,
    resized_crop,
    shorter_edge,
)
from recipelab.augment.sized import Prepare, RandomResizedCrop, ResizeCrop
from recipelab.core.errors import UserError


@pytest.mark.parametrize("size", [(16, 12), (48, 40), (32, 24)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resized_crops_are_torchvisions(size, channels):
    images = random_images(channels=channels)
    boxes = crop_boxes(32, torch.Generator().manual_seed(0), (32, 24), (0.08, 1.0), (3 / 4, 4 / 3))
    made = resized_crop(images, boxes, size)
    for index, box in enumerate(boxes.tolist()):
        assert furthest(made[index], F.resized_crop(images[index].contiguous(), *box, list(size), antialias=True)) <= 1
    assert furthest(_by_matrices(images, boxes, size), made) <= 1, "what a GPU computes"


def test_boxes_have_torchvisions_distribution():
    ours = crop_boxes(4000, torch.Generator().manual_seed(0), (40, 32), (0.08, 1.0), (3 / 4, 4 / 3)).double()
    torch.manual_seed(1)
    crop = v2.RandomResizedCrop(32, antialias=True)
    blank = [torch.zeros(3, 40, 32)]
    drawn = [crop.make_params(blank) for _ in range(4000)]
    theirs = torch.tensor([[row[key] for key in ("top", "left", "height", "width")] for row in drawn]).double()
    spread = ((ours.var(0) + theirs.var(0)) / 4000).sqrt()
    assert bool(((ours.mean(0) - theirs.mean(0)).abs() < 5 * spread).all())
    assert bool((ours[:, :2] + ours[:, 2:] <= torch.tensor([40, 32])).all())


def test_where_no_box_fits_the_middle_is_taken():
    boxes = crop_boxes(3, torch.Generator(), (8, 80), (1.0, 1.0), (3 / 4, 4 / 3))
    assert boxes.tolist() == [[0, 34, 8, 11]] * 3


def test_resize_and_centre_crop_are_torchvisions():
    images = random_images(size=(30, 45))
    assert shorter_edge((30, 45), 20) == (20, 30)
    assert shorter_edge((45, 30), 20) == (30, 20)
    small = F.resize(images.contiguous(), [20], antialias=True)
    assert furthest(resize(images, (20, 30)), small) <= 1
    assert torch.equal(center_crop(images, 21), F.center_crop(images, [21]))


def test_cuts_are_slices():
    images = random_images(size=(9, 7), channels=2)
    corners = torch.stack([torch.arange(32) % 5, torch.arange(32) % 3], 1)
    made = cut(images, corners, (4, 5))
    for index, (top, left) in enumerate(corners.tolist()):
        assert torch.equal(made[index], images[index, :, top : top + 4, left : left + 5])


def test_resize_crop_draws_every_place():
    slot = ResizeCrop(image_size=(32, 24), resize=12, crop=10)
    corners = slot.draw(3000, torch.Generator().manual_seed(0))["corners"]
    assert slot.sizes == (16, 12)
    assert corners.amax(0).tolist() == [6, 2]
    assert corners.amin(0).tolist() == [0, 0]


def test_evaluation_resizes_and_cuts_the_middle():
    images = random_images()
    made = RandomResizedCrop(image_size=(32, 24), size=8, eval={"resize": 12}).evaluate(images)
    assert torch.equal(made, center_crop(resize(images, (16, 12)), 8))
    assert RandomResizedCrop(image_size=(32, 24), size=224).evaluate.resize == 256


def test_evaluation_that_cannot_be_is_refused():
    with pytest.raises(UserError, match=r"augment\.eval\.resise.*\n?.*did you mean: augment\.eval\.resize"):
        Prepare({"resise": 12}, 8)
    with pytest.raises(UserError, match=r"augment\.eval\.crop=7: training gives images of 8 pixels"):
        Prepare({"crop": 7}, 8)
    with pytest.raises(UserError, match=r"augment\.eval\.resize=6 is less than what is cut out, 8"):
        Prepare({"resize": 6}, 8)
    with pytest.raises(UserError, match=r"augment\.crop=9 is more than augment\.resize=8"):
        ResizeCrop(image_size=(8, 8), resize=8, crop=9)
