from __future__ import annotations

import pytest

from recipelab.core.durations import Timeline, parse
from recipelab.core.errors import UserError

TIMELINE = Timeline(steps_per_epoch=40, total_steps=1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5ep", (5.0, "ep")),
        ("0.5ep", (0.5, "ep")),
        ("300st", (300.0, "st")),
        ("3e2st", (300.0, "st")),
        ("10%", (10.0, "%")),
        (" 5 ep ", (5.0, "ep")),
    ],
)
def test_a_number_with_a_unit_is_read(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["5", "ep", "5epochs", "-1ep", ".5ep", "5 ep 3st", "", "1,5ep", "nanst", "infep", "½ep"]
)
def test_anything_else_is_refused_by_its_key(text):
    with pytest.raises(UserError, match=r"trainer\.evaluate_every=.*not a duration.*5ep"):
        parse(text, "trainer.evaluate_every")


@pytest.mark.parametrize(
    ("duration", "steps"),
    [("5ep", 200), ("300st", 300), ("10%", 100), ("0.5ep", 20), ("0st", 0), (17, 17), ("100%", 1000), ("0.05%", 1)],
)
def test_durations_become_steps(duration, steps):
    assert TIMELINE.steps(duration) == steps


def test_halves_are_rounded_up_whatever_the_parity():
    odd = Timeline(steps_per_epoch=5, total_steps=25)
    assert [odd.steps(f"{n}ep") for n in (0.5, 1.5, 2.5)] == [3, 8, 13]  # 2.5, 7.5 and 12.5, not to the even neighbour


def test_a_period_is_at_least_one_step():
    assert TIMELINE.every("0.001ep", "k") == 1
    assert TIMELINE.every("2st", "k") == 2
