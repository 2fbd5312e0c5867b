"""Lines and short forms of text."""

import pytest

from recipelab.figures.words import lines_of, shortened

TEXTS = [
    "difference in test accuracy (percentage points)",
    "model.blocks.stochastic_depth",
    "a",
    "",
    "x" * 50,
    "SGD-SAM at 0.05",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("room", [1, 7, 20])
def test_no_line_is_too_long_and_no_letter_is_lost(text: str, room: int):
    lines = lines_of(text, room)
    assert all(len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_end_between_words_where_they_can():
    assert lines_of("SGD-SAM at a radius of 0.05", 14) == ["SGD-SAM at a", "radius of 0.05"]
    assert lines_of("stochastic_depth.rate", 12) == ["stochastic_", "depth.rate"]
    assert lines_of("two\nlines", 20) == ["two", "lines"]


def test_what_has_no_room_loses_its_middle_and_keeps_both_ends():
    assert shortened("ResNet-18, SGD", 9) == "ResN… SGD"
    assert shortened("short", 9) == "short"
    assert lines_of("one two three four five six", 8, most=2) == ["one two", "thr…six"]


def test_lengths_are_as_they_are_measured():
    assert lines_of("iiii wwww iiii", 8, measure=lambda text: sum(2 if c == "w" else 1 for c in text)) == [
        "iiii",
        "wwww",
        "iiii",
    ]


def test_a_text_without_end_is_no_burden():
    assert len("".join(lines_of("x" * 1_000_000, 30))) <= 600
