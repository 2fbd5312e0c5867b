from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from recipelab.augment.resizing import ProgressiveResizing, resized, scale_at
from recipelab.commands.ask import Ask
from recipelab.commands.check import check_command
from recipelab.core.errors import UserError
from tiny_recipe import USER_TREE

OPTIONS = {"start": 0.5, "delay": 0.5, "finetune": 0.2}


@pytest.mark.parametrize(
    ("progress", "scale"), [(0.0, 0.5), (0.5, 0.5), (0.65, 0.75), (0.8, 1.0), (0.9, 1.0), (1.0, 1.0)]
)
def test_the_scale_waits_rises_and_stays(progress, scale):
    assert scale_at(progress, **OPTIONS) == pytest.approx(scale)


def test_without_time_to_rise_it_jumps():
    assert [scale_at(p, start=0.5, delay=0.8, finetune=0.2) for p in (0.0, 0.79, 0.8)] == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_sides_are_multiples_and_the_whole_size_is_left_alone(dimensions):
    images = torch.randn(2, 3, *[18] * dimensions)
    assert list(resized(images, 0.5, 4).shape[2:]) == [8] * dimensions
    assert list(resized(images, 0.01, 4).shape[2:]) == [4] * dimensions
    assert resized(images, 1.0, 4) is not None
    assert resized(images, 1.0, 1) is images


def test_two_dimensions_are_interpolated_with_antialiasing():
    images = torch.randn(2, 3, 16, 16)
    expected = F.interpolate(images, size=(8, 8), mode="bilinear", antialias=True)
    assert torch.equal(resized(images, 0.5, 4), expected)


def test_a_training_begins_small_and_ends_whole(train_tiny, monkeypatch):
    sizes = []
    original = ProgressiveResizing.__call__

    def watch(self, images, at):
        out = original(self, images, at)
        sizes.append(out.shape[-1])
        return out

    monkeypatch.setattr(ProgressiveResizing, "__call__", watch)
    words = ("resizing=progressive", "resizing.multiple=1", "model._target_=tiny_net.AnySize", "trainer.epochs=5")
    run = train_tiny(*words)
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1], len(sizes)) == (4, 8, 30)
    assert run.config["resizing"]["start"] == 0.5


def test_a_model_of_one_size_and_shares_beyond_one_are_refused(train_tiny):
    with pytest.raises(UserError, match="cannot take images of 4x4"):
        train_tiny("resizing=progressive")
    with pytest.raises(UserError, match="cannot take images of 4x4"):
        check_command(Ask(("model=tiny", "resizing=progressive"), None, str(USER_TREE)))
    with pytest.raises(UserError, match=r"resizing\.delay=0\.9 and resizing\.finetune=0\.2 .* together at most 1"):
        train_tiny("resizing=progressive", "resizing.delay=0.9")
