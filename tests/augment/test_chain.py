"""A chain: every part with its own draws, in its order."""

import torch

from pil_reference import random_images
from recipelab.augment.baseline import Baseline
from recipelab.augment.chain import Chain
from recipelab.augment.flip import AlternatingFlip
from recipelab.augment.none import NoAugment
from recipelab.core.generators import epoch_draws, generator


def test_parts_draw_one_after_the_other_from_one_generator():
    first, second = Baseline(image_size=(8, 8)), Baseline(image_size=(8, 8), padding=1)
    chain, images = Chain({"a": first, "b": NoAugment(), "c": second}), random_images(size=(8, 8))
    draws, rng = chain.draw(32, generator(3, "augment")), generator(3, "augment")
    assert set(draws) == {"a.offsets", "a.flip", "c.offsets", "c.flip"}
    once = first(images, first.draw(32, rng))
    assert torch.equal(chain(images, draws), second(once, second.draw(32, rng)))
    assert len(chain.describe(draws)) == 32


def test_what_depends_on_sample_and_epoch_is_passed_on():
    chain, order = Chain({"flip": AlternatingFlip()}), torch.randperm(32)
    for epoch in (0, 1):
        draws = epoch_draws(chain, order, epoch, generator(0, "augment", epoch))
        assert torch.equal(draws["flip.flip"], AlternatingFlip().draw_epoch(order, epoch, generator(0, "x"))["flip"])
    plain = epoch_draws(Baseline(image_size=(8, 8)), order, 1, generator(0, "augment"))
    assert torch.equal(plain["flip"], Baseline(image_size=(8, 8)).draw(32, generator(0, "augment"))["flip"])
