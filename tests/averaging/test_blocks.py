"""Blocks of epochs: as many means as there is room for, told before the first step, and again after a resume."""

from __future__ import annotations

import pytest
import torch

from recipelab.averaging.blocks import blocks, room


def ends(epochs: int, steps: int = 10) -> list[int]:
    return [steps * (epoch + 1) for epoch in range(epochs)]


@pytest.mark.parametrize(("most", "epochs", "stops"), [
    (4, 1, (10, 20, 30, 40)), (99, 1, (10, 20, 30, 40)), (3, 2, (20, 40)), (2, 2, (20, 40)), (1, 4, (40,)),
])  # fmt: skip
def test_the_shortest_blocks_that_fit(most, epochs, stops):
    found = blocks(ends(4), most)
    assert (found.epochs, found.stops) == (epochs, stops)


def test_the_last_block_may_be_shorter_and_ends_with_the_training():
    assert blocks([10, 20, 30, 40, 47], 3).stops == (20, 40, 47)


def test_without_room_there_is_no_block():
    assert blocks(ends(4), 0).stops == ()


@pytest.mark.parametrize("epochs", range(1, 40))
@pytest.mark.parametrize("most", [1, 2, 7, 13])
def test_there_are_never_more_than_fit_and_going_on_keeps_the_plan(epochs, most):
    whole = blocks(ends(epochs), most)
    assert len(whole.stops) <= most
    for done in range(len(whole.stops)):
        assert blocks(ends(epochs), most, whole.stops[:done], whole.epochs) == whole


def test_a_training_that_has_become_longer_takes_longer_blocks_from_there_on():
    first = blocks(ends(6), 6)
    longer = blocks(ends(14), 8, first.stops, first.epochs)
    assert longer.stops == (10, 20, 30, 40, 50, 60, 100, 140)
    assert blocks(ends(14), 6, first.stops).stops == first.stops


def test_each_block_begins_where_the_one_before_ended():
    found = blocks(ends(5), 3)
    assert [found.start_of(stop) for stop in (20, 40, 50)] == [0, 20, 40]
    assert found.start_of(30) == 20


def test_the_room_is_told_by_the_tensors_and_the_initial_weights_take_some():
    tensors = {"a": torch.zeros(1000), "b": torch.zeros(24)}
    count, each = room(tensors, 10**6)
    assert 4 * 1024 < each < 4 * 1024 + 4096
    assert (count + 1) * each <= 10**6 < (count + 2) * each
