"""Test-time augmentation: views, weights, and the average."""

import pytest
import torch
from torch import nn

from recipelab.core.errors import UserError
from recipelab.loop.tta import VIEWS, AveragedOverViews, flip_translate

torch.manual_seed(0)
IMAGES = torch.randn(6, 3, 16, 16)


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 4)).eval()


@pytest.mark.parametrize(
    ("tta", "count"), [("flip", 2), ("flip_translate", 6), ("five_crop", 5), ("ten_crop", 10), ("multi_scale", 6)]
)
def test_weights_sum_to_one_and_views_fit_the_network(tta, count):
    views = list(VIEWS[tta](IMAGES))
    assert len(views) == count
    assert sum(weight for weight, _ in views) == pytest.approx(1)
    if tta != "multi_scale":
        assert all(view.shape == IMAGES.shape for _, view in views)


@pytest.mark.parametrize("tta", VIEWS)
def test_the_average_is_that_of_single_forwards(tta):
    model = network()
    made = AveragedOverViews(model, tta)(IMAGES)
    wanted = sum(weight * model(view).softmax(-1) for weight, view in VIEWS[tta](IMAGES))
    torch.testing.assert_close(made.exp(), wanted)
    torch.testing.assert_close(made.exp().sum(1), torch.ones(6))
    outputs = AveragedOverViews(model, tta, regression=True)(IMAGES)
    torch.testing.assert_close(outputs, sum(weight * model(view) for weight, view in VIEWS[tta](IMAGES)))


@pytest.mark.parametrize("tta", ["flip", "ten_crop", "multi_scale"])
def test_a_mirrored_image_is_judged_alike(tta):
    model = AveragedOverViews(network(), tta)
    torch.testing.assert_close(model(IMAGES), model(IMAGES.flip(-1)))
    plain = network()
    assert not torch.allclose(plain(IMAGES), plain(IMAGES.flip(-1)), atol=1e-3)


def test_a_network_that_is_mirror_blind_gives_what_it_gave():
    class Mean(nn.Module):
        def forward(self, images):
            return images.mean((2, 3))

    torch.testing.assert_close(AveragedOverViews(Mean(), "flip")(IMAGES), IMAGES.mean((2, 3)).log_softmax(-1))


@pytest.mark.parametrize("size", [(9,), (6, 7), (4, 5, 6)])
def test_shifts_in_any_dimensions(size):
    images = torch.randn(2, 3, *size)
    views = list(flip_translate(images))
    assert torch.equal(views[2][1], images)
    inner = (slice(None), slice(None), *[slice(1, None)] * len(size))
    outer = (slice(None), slice(None), *[slice(None, -1)] * len(size))
    assert torch.equal(views[0][1][inner], images[outer])
    assert torch.equal(views[4][1][outer], images[inner])


def test_mode_follows_and_memory_order_stays():
    seen = []

    class Spy(nn.Module):
        def forward(self, images):
            seen.append(images.is_contiguous(memory_format=torch.channels_last))
            return images.mean((2, 3))

    wrapped = AveragedOverViews(Spy().eval(), "ten_crop")
    assert not wrapped.training
    wrapped(IMAGES.contiguous(memory_format=torch.channels_last))
    assert all(seen)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"tta=flp: there is no such\n  did you mean: flip\n  choices: flip, flip_tr"):
        AveragedOverViews(nn.Identity(), "flp")
