"""RandAugment, its UDA variant and TrivialAugment: operations, magnitudes and signs against torchvision's tables."""

import pytest
import torch
from scipy.stats import chisquare
from torchvision.transforms.autoaugment import RandAugment, TrivialAugmentWide

from recipelab.augment.magnitudes import paper_ranges, tabulate, wide_ranges
from recipelab.augment.operations import OPERATIONS, SIGNED
from recipelab.augment.randaugment import rand_augment, randaugment
from recipelab.augment.randaugment_uda import randaugment_uda, uda_augment, uda_ranges
from recipelab.augment.trivialaugment import trivial_augment, trivialaugment
from recipelab.core.errors import UserError

SIZE = (32, 48)
COUNT = 30_000


def evenly(values, choices):
    """Whether every choice is drawn alike, by a chi-squared test."""
    counts = torch.bincount(values.flatten(), minlength=len(OPERATIONS))[list(choices)]
    assert int(counts.sum()) == values.numel()
    return chisquare(counts.numpy()).pvalue > 1e-4


def codes(names):
    return [OPERATIONS.index(name) for name in names]


@pytest.mark.parametrize("magnitude", [0, 9, 30])
def test_randaugment_is_torchvisions(magnitude):
    space = RandAugment()._augmentation_space(31, SIZE)
    assert set(space) == set(paper_ranges(SIZE))
    operation, found = rand_augment(2, magnitude, paper_ranges(SIZE))(COUNT, torch.Generator().manual_seed(1))
    assert operation.shape == found.shape == (COUNT, 2)
    assert evenly(operation, codes(space))
    for name, (values, signed) in space.items():
        mine = found[operation == OPERATIONS.index(name)]
        wanted = float(values[magnitude]) if values.ndim else 0.0
        assert set(mine.unique().tolist()) == ({wanted, -wanted} if signed else {wanted})
        if signed and wanted:
            assert abs(float((mine < 0).double().mean()) - 0.5) < 5 * 0.5 / len(mine) ** 0.5
    assert abs(float(torch.corrcoef(operation.T.double())[0, 1])) < 5 / COUNT**0.5


def test_trivialaugment_is_torchvisions():
    space = TrivialAugmentWide()._augmentation_space(31)
    operation, found = trivial_augment(wide_ranges())(COUNT, torch.Generator().manual_seed(1))
    assert operation.shape == (COUNT, 1)
    assert evenly(operation, codes(space))
    for name, (values, signed) in space.items():
        mine = found[operation == OPERATIONS.index(name)].abs()
        wanted = values.double().abs() if values.ndim else torch.zeros(1).double()
        assert set(mine.unique().tolist()) == set(wanted.unique().tolist())
        assert signed == (name in SIGNED)
        if values.ndim and len(wanted.unique()) == 31:
            level = torch.searchsorted(wanted.sort().values, mine)
            assert chisquare(torch.bincount(level, minlength=31).numpy()).pvalue > 1e-4


def test_the_uda_variant_draws_what_seed_tables_say():
    """Two of 15 operations, each half of the time, levels 1 to 9, rotations one way only."""
    ranges = uda_ranges(SIZE)
    assert len(ranges) == 15
    operation, found = uda_augment(2, 0.5, ranges)(COUNT, torch.Generator().manual_seed(1))
    off = operation == 0
    assert abs(float(off.double().mean()) - 0.5) < 5 * 0.5 / (2 * COUNT) ** 0.5
    assert evenly(operation[~off], codes(ranges))
    tops = {"ShearX": 0.3, "TranslateX": 150 / 331 * 48, "TranslateY": 150 / 331 * 32, "Brightness": 0.9, "Cutout": 20}
    for name, top in tops.items():
        mine = found[operation == OPERATIONS.index(name)]
        steps = (mine.abs() / top * 9).round()
        assert torch.allclose(steps * top / 9, mine.abs(), atol=1e-4)
        assert steps.unique().tolist() == list(range(1, 10))
        assert bool((mine < 0).any()) == (name in SIGNED)
    rotations = found[operation == OPERATIONS.index("Rotate")]
    assert rotations.min() > 3
    assert abs(float(rotations.max()) - 30) < 1e-4
    bits = found[operation == OPERATIONS.index("Posterize")].unique().tolist()
    assert bits == [4, 5, 6, 7, 8]
    thresholds = found[operation == OPERATIONS.index("Solarize")].unique()
    assert (float(thresholds.min()), len(thresholds)) == (0, 9)


def test_tables_by_level():
    for name, (values, _) in RandAugment()._augmentation_space(31, SIZE).items():
        if values.ndim:
            assert torch.equal(tabulate(paper_ranges(SIZE), 31)[OPERATIONS.index(name)], values.double())


def test_options_reach_their_place():
    facts = {"image_size": (32, 32), "input_channels": 3}
    slot = randaugment(num_ops=3, magnitude=4, bins=10, padding=2, flip=0.0, cutout=0, fill=[1, 2, 3], **facts)
    draws = slot.draw(50, torch.Generator())
    assert draws["policy.operation"].shape == (50, 3)
    assert int(draws["crop_flip.offsets"].max()) == 4
    assert not draws["crop_flip.flip"].any()
    assert not draws["cutout.chosen"].any()
    assert slot.parts["policy"].fill == [1, 2, 3]
    assert int(randaugment_uda(p=0.0, **facts).draw(50, torch.Generator())["policy.operation"].max()) == 0
    assert trivialaugment(**facts).draw(50, torch.Generator())["policy.operation"].shape == (50, 1)
    with pytest.raises(UserError, match=r"augment\.magnitude=31: with augment\.bins=31 the levels are 0 to 30"):
        randaugment(magnitude=31, **facts)
