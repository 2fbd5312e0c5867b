from __future__ import annotations

import itertools

import pytest
import torch

from recipelab.data.shares import positions, share

WORLDS = [1, 2, 3, 8]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 64, 101])
def test_shares_cut_a_batch_whole_and_evenly(count, world):
    parts = [share(count, rank, world) for rank in range(world)]
    assert list(itertools.chain.from_iterable(range(count)[part] for part in parts)) == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("count", [1, 3, 40, 41, 47, 48])
def test_every_position_is_given_to_one_rank_and_a_borrowed_one_is_the_batchs_first(count, world):
    size = 5
    whole = size * world
    given = [positions(count, 0, size, rank, world).split(size) for rank in range(world)]
    assert {len(batches) for batches in given} == {-(-count // whole)}
    for index, batches in enumerate(zip(*given, strict=True)):
        batch = range(index * whole, min((index + 1) * whole, count))
        owned = [part for rank, part in enumerate(batches) if rank < len(batch)]
        assert torch.cat(owned).tolist() == list(batch)
        assert all(part.tolist() == [batch[0]] for part in batches[len(owned) :])


def test_from_the_middle_of_an_epoch_the_rest_is_the_same():
    for rank in range(3):
        assert positions(100, 24, 4, rank, 3).tolist() == positions(100, 0, 4, rank, 3).tolist()[8:]
