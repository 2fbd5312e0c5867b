"""Whatever a name says, it is shown and not acted upon."""

from __future__ import annotations

from recipelab.core.markup import line, table

EVIL = "<img src=x onerror=alert(1)>&\"'"


def test_text_is_escaped():
    for made in (table([EVIL], [[EVIL]], [0]), line(EVIL), line(EVIL, strong=True)):
        assert "<img" not in made
        assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in made


def test_only_what_is_strong_is_bold():
    made = table(["a", "b"], [["1", ""], ["2", "3"]], [0])
    assert made.count("<b>") == 1
    assert "<td><b>1</b></td><td></td>" in made
    assert "<td>2</td><td>3</td>" in made
