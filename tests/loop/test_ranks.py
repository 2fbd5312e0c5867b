from __future__ import annotations

import signal

import torch

from ranks import arithmetic, on_two, stops
from recipelab.loop.ranks import Alone
from recipelab.loop.signals import StopRequest


def test_what_two_ranks_bring_together_is_the_same_on_both():
    expected = [
        [2.0, 1.0],
        [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]],
        (1, 3),
        {"from": 0},
        [1.0, 1.0],
        5,
    ]
    assert on_two(arithmetic) == (expected, expected)


def test_a_signal_to_one_rank_stops_both_at_the_same_question_and_soon():
    (first, second), numbers = on_two(stops)
    assert first == second
    assert 40 <= first <= 40 + 16
    assert numbers == [signal.SIGTERM, signal.SIGTERM]


def test_alone_nothing_is_to_be_brought_together():
    ranks, tensor, own = Alone(), torch.arange(3), StopRequest()
    assert ranks.sum(tensor) is tensor
    assert ranks.gather(tensor) is tensor
    assert ranks.tell(5) == 5
    assert ranks.agreed(own) is own
