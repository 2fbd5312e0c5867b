"""AutoAugment: its tables and its distribution."""

from collections import Counter

import pytest
import torch
from scipy.stats import chisquare
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

from recipelab.augment.autoaugment import auto_augment, autoaugment
from recipelab.augment.autoaugment_tables import TABLES, parse
from recipelab.augment.operations import OPERATIONS, SIGNED

SIZE = (32, 32)


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_those_of_torchvision(table):
    theirs = AutoAugment(AutoAugmentPolicy(table)).policies
    ours = parse(TABLES[table])
    assert [[(name, p, level or 0) for name, p, level in pair] for pair in theirs] == [list(pair) for pair in ours]


@pytest.mark.parametrize("table", TABLES)
def test_operations_and_magnitudes_are_drawn_as_published(table):
    """Every outcome of a policy (both operations, or one, or none) with the product of its probabilities."""
    space = AutoAugment()._augmentation_space(10, SIZE)
    expected: Counter = Counter()
    for pair in parse(TABLES[table]):
        for first in (True, False):
            for second in (True, False):
                chance, outcome = 1 / 25, []
                for on, (name, p, level) in zip((first, second), pair, strict=True):
                    chance *= p if on else 1 - p
                    values = space[name][0]
                    size = float(values[level]) if values.ndim else 0.0
                    outcome.append((name, round(size, 4)) if on else ("Identity", 0.0))
                expected[tuple(outcome)] += chance
    expected = Counter({key: value for key, value in expected.items() if value > 0})
    sample, drawn = auto_augment(table, SIZE)
    operation, magnitude = sample(40_000, torch.Generator().manual_seed(0))
    rows = zip(operation.tolist(), magnitude.abs().tolist(), strict=True)
    found = Counter(tuple((OPERATIONS[o], round(m, 4)) for o, m in zip(*row, strict=True)) for row in rows)
    assert set(found) <= set(expected)
    common = [key for key in expected if expected[key] * 40_000 > 5]
    rest = 40_000 - sum(found[key] for key in common)
    counts = [*(found[key] for key in common), rest]
    shares = [*(expected[key] for key in common), 1 - sum(expected[key] for key in common)]
    pairs = [(count, share * 40_000) for count, share in zip(counts, shares, strict=True) if share > 1e-9]
    scale = sum(count for count, _ in pairs) / sum(share for _, share in pairs)
    assert chisquare([c for c, _ in pairs], [share * scale for _, share in pairs]).pvalue > 1e-4
    assert drawn == {name for pair in parse(TABLES[table]) for name, _, _ in pair}
    signed = torch.tensor([name in SIGNED for name in OPERATIONS])[operation] & (magnitude != 0)
    negative = float((magnitude[signed] < 0).double().mean())
    assert abs(negative - 0.5) < 5 * 0.5 / int(signed.sum()) ** 0.5


def test_the_slot_crops_flips_and_cuts_out():
    slot = autoaugment(image_size=SIZE, input_channels=3, table="svhn", cutout=8)
    assert list(slot.parts) == ["crop_flip", "policy", "cutout"]
