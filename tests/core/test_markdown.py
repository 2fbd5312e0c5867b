"""Text in Markdown is nothing but text."""

from __future__ import annotations

import re

import pytest

from recipelab.core.markdown import escaped


@pytest.mark.parametrize("char", "\\`*_{}[]<>|#~$")
def test_what_means_something_is_escaped(char: str) -> None:
    assert escaped(f"a{char}b") == f"a\\{char}b"


def test_it_stays_in_its_line_and_links_nowhere() -> None:
    text = escaped("a\nb &lt; https://example.org")
    assert "\n" not in text
    assert "&amp;lt;" in text
    assert not re.search(r"(?<!\\)://", text)
