"""Train, validation and test parts: by class, the same for every run seed; float targets are split without strata.

scikit-learn's splitters are not used: they refuse a part smaller than the number of classes, a class with one sample,
and a subset (`limit`) of nearly all samples; and here one drawn order serves part, subset and folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from recipelab.core.errors import UserError
from recipelab.core.generators import generator
from recipelab.data.pool import Pool


def split(  # noqa: PLR0913 - each is a key of the data section
    train: Pool,
    test: Pool | None,
    val: Pool | None = None,
    *,
    val_split: float = 0.1,
    test_split: float = 0.2,
    split_seed: int = 1234,
    folds: int | None = None,
    fold: int = 0,
    protocol: Literal["val", "test_as_val"] = "val",
    limit: int | None = None,
    class_names: Sequence[str] = (),
) -> dict[str, Pool]:
    """The parts "train", "val" and "test", each in the order of its pool.

    val: the validation part, where the data have one of their own; then none is split off.
    test_split: share of `train` split off as the test part first, when `test` is None.
    limit: then at most so many samples of either pool.
    val_split: share of what is left of `train` split off for validation; or
    folds, fold: with `folds`, validation is fold number `fold` (from 0) of so many instead.
    protocol: "test_as_val" trains on all of `train` and validates on the test part, as literature that selects on test.
    split_seed: the only seed here. class_names: for messages.

    Raises UserError when a class has too few samples, a part would be empty, or options contradict one another.
    """
    _check(folds, fold, protocol)
    if val is not None and (folds is not None or protocol == "test_as_val"):
        raise UserError(
            "the data have a validation part of their own: data.folds and data.protocol cannot choose another"
        )
    if test is None:
        train, test = _split_off(train, "test_split", test_split, split_seed, class_names)
    if limit is not None:
        train, test = (_limited(pool, limit, split_seed) for pool in (train, test))
        val = None if val is None else _limited(val, limit, split_seed)
    if protocol == "test_as_val":
        return {"train": train, "val": test, "test": test}
    if val is not None:
        return {"train": train, "val": val, "test": test}
    if folds is None:
        train, val = _split_off(train, "val_split", val_split, split_seed, class_names)
    else:
        train, val = _fold(train, folds, fold, split_seed, class_names)
    return {"train": train, "val": val, "test": test}


def stratified_order(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Indices (N,) int64 sorted by class, in drawn order within a class. targets: (N,) int64."""
    shuffled = torch.randperm(len(targets), generator=generator)
    return shuffled[torch.argsort(targets[shuffled], stable=True)]


def stratified_sample(targets: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """`size` ascending indices (size,), each class in proportion by the method of largest remainders.

    Of n_c samples of class c in N, floor(size n_c / N) are drawn, and one more from the classes with the largest
    remainders; equal remainders are ordered by draw. targets: (N,) int64; 0 <= size <= N.
    """
    counts = _counts(targets)
    shares, remainders = counts * size // len(targets), counts * size % len(targets)
    drawn = torch.randperm(len(counts), generator=generator)
    by_remainder = drawn[torch.argsort(remainders[drawn], descending=True, stable=True)]
    shares[by_remainder[: size - int(shares.sum())]] += 1
    order = stratified_order(targets, generator)
    rank_in_class = torch.arange(len(targets)) - (counts.cumsum(0) - counts)[targets[order]]
    return order[rank_in_class < shares[targets[order]]].sort().values


def stratified_fold(targets: Tensor, folds: int, fold: int, generator: torch.Generator) -> Tensor:
    """Ascending indices of fold `fold` of `folds`; fold sizes, in all and of each class, differ by one at most."""
    return stratified_order(targets, generator)[fold::folds].sort().values


def _check(folds: int | None, fold: int, protocol: str) -> None:
    if folds is None and fold != 0:
        raise UserError(f"data.fold={fold} has no meaning without data.folds, such as data.folds=5")
    if folds is not None and folds < 2:
        raise UserError(f"data.folds={folds}: at least 2 folds are needed; leave it out for data.val_split")
    if folds is not None and not 0 <= fold < folds:
        raise UserError(f"data.fold={fold} is out of range: data.folds={folds} has the folds 0 to {folds - 1}")
    if folds is not None and protocol == "test_as_val":
        raise UserError("data.protocol=test_as_val validates on the test part: it cannot go with data.folds")


def _split_off(pool: Pool, key: str, share: float, seed: int, names: Sequence[str]) -> tuple[Pool, Pool]:
    """(what is left, the part): round(share N) samples. The key of the draw is that of the option."""
    if not 0 < share < 1:
        raise UserError(f"data.{key}={share} is not a share: choose between 0 and 1, such as data.{key}=0.1")
    size = round(len(pool) * share)
    if not 0 < size < len(pool):
        raise UserError(
            f"data.{key}={share} of {len(pool):,} samples leaves a part without samples\n"
            f"  fix: choose between {1 / len(pool):.3g} and {1 - 1 / len(pool):.3g}, or use more data"
        )
    strata = pool.strata
    _require(strata, 2, f"data.{key}", names)
    part = stratified_sample(strata, size, generator(seed, f"split/{key}"))
    rest = _others(part, len(pool))
    gone = (_counts(strata[rest], like=strata) == 0) & (_counts(strata) > 0)
    if gone.any():
        label = int(gone.nonzero()[0])
        raise UserError(f"data.{key}={share} leaves no sample of class {_name(label, names)}; choose a smaller share")
    return pool.subset(rest), pool.subset(part)


def _fold(pool: Pool, folds: int, fold: int, seed: int, names: Sequence[str]) -> tuple[Pool, Pool]:
    _require(pool.strata, folds, "data.folds", names)
    part = stratified_fold(pool.strata, folds, fold, generator(seed, "split/folds"))
    return pool.subset(_others(part, len(pool))), pool.subset(part)


def _limited(pool: Pool, limit: int, seed: int) -> Pool:
    classes = int((_counts(pool.strata) > 0).sum())
    if limit < classes:
        raise UserError(f"data.limit={limit} is less than one sample for each of {classes} classes")
    if limit >= len(pool):
        return pool
    return pool.subset(stratified_sample(pool.strata, limit, generator(seed, "split/limit")))


def _others(indices: Tensor, count: int) -> Tensor:
    kept = torch.ones(count, dtype=torch.bool)
    kept[indices] = False
    return kept.nonzero().squeeze(1)


def _require(targets: Tensor, least: int, key: str, names: Sequence[str]) -> None:
    """Every class that occurs has `least` samples, so that each side of the split can have one."""
    counts = _counts(targets)
    for label in ((counts > 0) & (counts < least)).nonzero().flatten().tolist():
        found = int(counts[label])
        raise UserError(
            f"class {_name(label, names)} has {found} sample{'s' * (found > 1)}, and {key} needs {least} of every class"
            "\n  fix: add samples to it, remove it, or raise data.limit if that is set"
            + (f", or data.folds={found}" if key == "data.folds" and found > 1 else "")
        )


def _counts(targets: Tensor, like: Tensor | None = None) -> Tensor:
    """Samples of each label from 0 to the largest in `targets`, or in `like`."""
    return torch.bincount(targets, minlength=0 if like is None else int(like.max()) + 1)


def _name(label: int, names: Sequence[str]) -> str:
    return repr(names[label]) if label < len(names) else str(label)
