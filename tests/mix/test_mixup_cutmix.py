"""Mixup or CutMix: the coin, and that each is itself."""

import torch

from recipelab.core.generators import seed_step
from recipelab.mix.cutmix import CutMix
from recipelab.mix.mixup import Mixup
from recipelab.mix.mixup_cutmix import MixupCutMix
from recipelab.testing import check_mix

CPU = torch.device("cpu")
IMAGES, LABELS = torch.randn(6, 2, 8, 8), torch.arange(6)


def made(slot, step):
    seed_step(9, step, CPU)
    return slot(IMAGES, LABELS)


def test_each_batch_is_one_of_the_two():
    slot, counts = MixupCutMix(mixup_alpha=1.0, switch=0.3), {"cutmix": 0, "mixup": 0}
    for step in range(600):
        mixed, _ = made(slot, step)
        patched = bool(torch.isin(mixed, IMAGES).all())  # cutmix moves pixels and makes no new ones
        counts["cutmix" if patched else "mixup"] += 1
    assert abs(counts["cutmix"] / 600 - 0.3) < 5 * (0.21 / 600) ** 0.5


def test_each_is_what_it_is_alone():
    for slot, alone in (
        (MixupCutMix(mixup_alpha=0.7, switch=0.0), Mixup(alpha=0.7)),
        (MixupCutMix(cutmix_alpha=0.7, switch=1.0, per="sample"), CutMix(alpha=0.7, per="sample")),
    ):
        both, target = made(slot, 4)
        seed_step(9, 4, CPU)
        torch.rand(2)
        wanted, wanted_target = alone(IMAGES, LABELS)
        assert torch.equal(both, wanted)
        assert torch.equal(target.weight, wanted_target.weight)


def test_no_probability_mixes_nothing():
    mixed, target = made(MixupCutMix(probability=0.0), 1)
    assert torch.equal(mixed, IMAGES)
    assert target.second is None


def test_contract():
    check_mix(MixupCutMix(), image_size=(8, 8), input_channels=3, num_classes=10)
