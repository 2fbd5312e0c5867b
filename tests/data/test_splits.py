from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.core.generators import generator
from recipelab.data.pool import Pool
from recipelab.data.splits import split, stratified_fold, stratified_order, stratified_sample


def pool(*counts: int, first: int = 0) -> Pool:
    """counts[c] samples of class c, mixed; names tell the position in the whole."""
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    targets = targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))]
    images = torch.zeros(len(targets), 1, 1, 1, dtype=torch.uint8)
    return Pool(images, targets, [str(first + i) for i in range(len(targets))])


def positions(part: Pool) -> list[int]:
    assert part.names is not None
    return [int(name) for name in part.names]


def counts(part: Pool) -> list[int]:
    return part.targets.bincount().tolist()


def draws() -> torch.Generator:
    return generator(1234, "test")


def slow_shares(targets: Tensor, size: int) -> list[tuple[int, Fraction]]:
    """(floor, remainder) of size * n_c / N, in exact fractions."""
    exact = [Fraction(size * int((targets == label).sum()), len(targets)) for label in range(int(targets.max()) + 1)]
    return [(share.numerator // share.denominator, share - share.numerator // share.denominator) for share in exact]


@pytest.mark.parametrize("size", [0, 1, 7, 10, 99, 171, 172, 173])
def test_sample_allots_by_largest_remainders(size: int) -> None:
    targets = pool(100, 3, 50, 1, 19).targets
    sample = stratified_sample(targets, size, draws())
    assert len(set(sample.tolist())) == size
    assert torch.equal(sample, sample.sort().values)
    found = torch.bincount(targets[sample], minlength=5).tolist()
    slow = slow_shares(targets, size)
    extra = [count - share for count, (share, _) in zip(found, slow, strict=True)]
    assert set(extra) <= {0, 1}
    taken = [remainder for (_, remainder), more in zip(slow, extra, strict=True) if more]
    left = [remainder for (_, remainder), more in zip(slow, extra, strict=True) if not more]
    assert not taken or not left or min(taken) >= max(left)


def test_sample_agrees_with_scikit_learn_on_the_allotment() -> None:
    targets = pool(100, 37, 50, 20, 19).targets
    _, theirs = train_test_split(targets.numpy(), test_size=33, stratify=targets.numpy(), random_state=0)
    ours = targets[stratified_sample(targets, 33, draws())]
    assert torch.bincount(ours).tolist() == np.bincount(theirs).tolist()


def test_sample_draws_within_a_class_without_preference() -> None:
    targets = torch.zeros(10, dtype=torch.int64)
    hits = torch.zeros(10)
    for seed in range(400):
        hits[stratified_sample(targets, 3, torch.Generator().manual_seed(seed))] += 1
    assert hits.min() > 80  # 120 expected, standard deviation 9.2
    assert hits.max() < 160


def test_equal_remainders_are_shared_out_by_draw() -> None:
    targets = torch.arange(10).repeat(4)
    hits = torch.zeros(10)
    for seed in range(400):
        hits += torch.bincount(
            targets[stratified_sample(targets, 5, torch.Generator().manual_seed(seed))], minlength=10
        )
    assert hits.min() > 150  # 200 expected, standard deviation 10
    assert hits.max() < 250


def test_order_is_by_class_and_mixed_within() -> None:
    targets = pool(30, 20, 10).targets
    order = stratified_order(targets, draws())
    assert torch.equal(targets[order], targets.sort().values)
    assert sorted(order.tolist()) == list(range(60))
    assert not torch.equal(order[:30], order[:30].sort().values)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_cover_every_sample_once_and_agree_with_scikit_learn_on_sizes(folds: int) -> None:
    targets = pool(50, 23, 7).targets
    parts = [stratified_fold(targets, folds, fold, draws()) for fold in range(folds)]
    assert sorted(torch.cat(parts).tolist()) == list(range(80))
    assert all(torch.equal(part, part.sort().values) for part in parts)
    ours = sorted(tuple(torch.bincount(targets[part]).tolist()) for part in parts)
    labels = targets.numpy()
    theirs = [tuple(np.bincount(labels[rows]).tolist()) for _, rows in StratifiedKFold(folds).split(labels, labels)]
    for label in range(3):
        assert sorted(part[label] for part in ours) == sorted(part[label] for part in theirs)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_validation_of_cifar_is_5000_of_50000() -> None:
    train, test = pool(*[5000] * 10), pool(*[1000] * 10)
    parts = split(train, test)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [45000, 5000, 10000]
    assert counts(parts["val"]) == [500] * 10
    assert parts["test"] is test


def test_parts_share_nothing_and_keep_the_order() -> None:
    parts = split(pool(60, 30, 10), None)
    found = {name: positions(part) for name, part in parts.items()}
    assert all(rows == sorted(rows) for rows in found.values())
    assert sorted(sum(found.values(), [])) == list(range(100))
    assert {name: counts(part) for name, part in parts.items()} == {
        "train": [43, 22, 7],
        "val": [5, 2, 1],
        "test": [12, 6, 2],
    }


def test_the_split_depends_on_split_seed_alone() -> None:
    before = positions(split(pool(60, 40), None)["val"])
    torch.manual_seed(99)
    np.random.seed(99)
    state = torch.get_rng_state()
    assert positions(split(pool(60, 40), None)["val"]) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert positions(split(pool(60, 40), None, split_seed=1)["val"]) != before


def test_the_split_has_not_changed() -> None:
    """Records of earlier versions refer to these parts."""
    parts = split(pool(30, 20), None, limit=30)
    assert positions(parts["val"]) == [3, 8, 28]
    assert positions(parts["test"]) == [2, 5, 10, 16, 21, 22, 24, 30, 32, 43]


def test_the_test_part_does_not_depend_on_how_validation_is_made() -> None:
    whole = pool(60, 40)
    tests = [
        split(whole, None, **options)["test"]
        for options in ({}, {"val_split": 0.3}, {"folds": 4, "fold": 2}, {"protocol": "test_as_val"})
    ]
    assert len({tuple(positions(test)) for test in tests}) == 1


def test_folds_through_split() -> None:
    whole, test = pool(50, 25), pool(5, 5)
    vals = []
    for fold in range(5):
        parts = split(whole, test, folds=5, fold=fold, val_split=0.5)
        assert sorted(positions(parts["train"]) + positions(parts["val"])) == list(range(75))
        assert counts(parts["val"]) == [10, 5]
        vals += positions(parts["val"])
    assert sorted(vals) == list(range(75))


def test_test_as_val_trains_on_everything() -> None:
    whole, test = pool(50, 25), pool(5, 5)
    parts = split(whole, test, protocol="test_as_val")
    assert parts["train"] is whole
    assert parts["val"] is test
    assert parts["test"] is test


def test_limit_is_stratified_and_comes_before_validation() -> None:
    parts = split(pool(600, 300, 100), pool(60, 30, 10), limit=50)
    assert counts(parts["test"]) == [30, 15, 5]
    assert sorted(a + b for a, b in zip(counts(parts["train"]), counts(parts["val"]), strict=True)) == [5, 15, 30]
    assert len(parts["val"]) == 5
    assert positions(parts["test"]) == sorted(positions(parts["test"]))


@pytest.mark.parametrize("limit", [99, 100, 1000])
def test_limit_of_nearly_all_or_more(limit: int) -> None:
    parts = split(pool(60, 40), pool(60, 40), limit=limit)
    assert len(parts["train"]) + len(parts["val"]) == min(limit, 100)
    assert len(parts["test"]) == min(limit, 100)


def test_a_part_may_be_smaller_than_the_number_of_classes() -> None:
    assert len(split(pool(*[6] * 10), pool(*[1] * 10), val_split=0.05)["val"]) == 3


def test_a_rare_class_stays_in_training() -> None:
    parts = split(pool(1000, 2), pool(1, 1))
    assert counts(parts["train"])[1] >= 1


@pytest.mark.parametrize(
    ("counted", "options", "words"),
    [
        ((50, 1), {}, ["class 'dog' has 1 sample,", "data.val_split needs 2"]),
        ((50, 3), {"folds": 5}, ["class 'dog' has 3 samples,", "data.folds needs 5", "data.folds=3"]),
        ((50, 1), {"folds": 5}, ["class 'dog' has 1 sample,"]),
        ((5, 5), {"val_split": 0.01}, ["data.val_split=0.01 of 10 samples", "0.1 and 0.9"]),
        ((5, 5), {"val_split": 0.99}, ["data.val_split=0.99"]),
        ((50, 2), {"val_split": 0.9}, ["leaves no sample of class 'dog'"]),
        ((5, 5), {"val_split": 0.0}, ["data.val_split=0.0 is not a share"]),
        ((5, 5), {"val_split": 1.5}, ["data.val_split=1.5 is not a share"]),
        ((5, 5), {"limit": 1}, ["data.limit=1", "2 classes"]),
        ((50, 50), {"folds": 5, "fold": 5}, ["data.fold=5", "0 to 4"]),
        ((50, 50), {"folds": 5, "fold": -1}, ["data.fold=-1"]),
        ((50, 50), {"folds": 1}, ["data.folds=1"]),
        ((50, 50), {"fold": 2}, ["data.fold=2", "data.folds"]),
        ((50, 50), {"folds": 5, "protocol": "test_as_val"}, ["data.protocol=test_as_val", "data.folds"]),
    ],
)
def test_errors(counted: tuple[int, ...], options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        split(pool(*counted), pool(5, 5), class_names=["cat", "dog"], **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_errors_of_the_test_part() -> None:
    with pytest.raises(UserError, match=r"class 1 has 1 sample, and data.test_split needs 2"):
        split(pool(50, 1), None)
    with pytest.raises(UserError, match=r"data.test_split=0.001 of 100 samples"):
        split(pool(50, 50), None, test_split=0.001)
