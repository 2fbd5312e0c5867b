from __future__ import annotations

import csv
import io

import pytest

from recipelab.core.cells import csv_cell, printable


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_starts_a_formula_becomes_text(start: str) -> None:
    assert csv_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["cat", "a=b", "photos/-1.png", "", "'quoted", "ä b"])
def test_other_text_stays(text: str) -> None:
    assert csv_cell(text) == text


def test_bytes_that_are_no_utf8_can_be_written() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(name)])
    assert file.getvalue() == "caf\\xe9.png\r\n"


def test_nothing_printable_moves_the_cursor() -> None:
    assert printable("a\x1b[2Jb\r\nc") == "a?[2Jb??c"
