"""A primitive: chosen samples are changed, the others not, and names tell it."""

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.primitive import (
    Primitive,
    apply_where,
    constant,
    fill_levels,
    require_bytes,
    require_dims,
    uniform,
)
from recipelab.core.errors import UserError


def brighter(images, by):
    return images + by.to(torch.uint8).view(-1, 1, 1, 1)


@pytest.mark.parametrize("chosen", [[True] * 4, [False] * 4, [True, False, False, True]])
def test_only_the_chosen_are_changed(chosen):
    images, by = random_images(4), torch.arange(1.0, 5.0)
    before, mask = images.clone(), torch.tensor(chosen)
    made = apply_where(images, mask, brighter, by)
    assert torch.equal(made, torch.where(mask.view(-1, 1, 1, 1), brighter(images, by), images))
    assert torch.equal(images, before)


def test_a_draw_has_its_probability_and_comes_from_its_generator():
    slot = Primitive("brighter", brighter, {"by": uniform(1, 3)}, 0.25)
    first, again = (slot.draw(2000, torch.Generator().manual_seed(0)) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert abs(float(first["chosen"].float().mean()) - 0.25) < 0.05
    assert 1 <= first["by"].min() < first["by"].max() <= 3


def test_description():
    slot = Primitive("brighter", brighter, {"by": constant(2)}, 1.0)
    draws = {"chosen": torch.tensor([True, False]), "by": torch.tensor([2.0, 2.0])}
    assert slot.describe(draws) == ["brighter 2", ""]
    assert Primitive("plain", brighter, {}, 1.0).describe({"chosen": torch.tensor([True])}) == ["plain"]


def test_fill():
    assert fill_levels(7, None, 2) == [7, 7]
    assert fill_levels([1, 2], None, 2) == [1, 2]
    assert fill_levels("mean", (0.5, 1.0), 2) == [128, 255]
    assert fill_levels("mean", None, 2) == [128, 128]


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="augment: blur works on grey levels 0 to 255, and these data are torch"):
        require_bytes(torch.zeros(2), "blur")
    with pytest.raises(UserError, match="augment: rotate takes images of 2 dimensions, and these have 3"):
        require_dims((4, 4, 4), 2, "rotate")
