"""Pictures whose words are long: all of them lie in the picture, and none on another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

import crowded
from recipelab.figures.chart import Figure
from recipelab.figures.pictures import picture

EDGE = 1.5  # pixels that two may share: the boxes of letters are a little larger than the letters


def words(canvas: Canvas) -> list[tuple[str, float, tuple[float, float, float, float]]]:
    """Every word that is drawn: its text, its angle, and its box (x0, y0, x1, y1) in pixels."""
    found = []
    draw = Text.draw

    def noted(self: Text, renderer: RendererBase, *more: Any) -> None:
        draw(self, renderer, *more)
        if self.get_visible() and (said := self.get_text().rstrip()):
            box = self.get_window_extent(renderer)
            empty = self.get_text().count("\n") - said.count("\n")  # the title keeps lines free for the caption
            low = box.y0 + box.height * empty / (self.get_text().count("\n") + 1)
            found.append((said, self.get_rotation(), (box.x0, low, box.x1, box.y1)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", noted)
        canvas.draw_without_rendering()
    return found


def outside(canvas: Canvas) -> list[str]:
    wide, high = canvas.bbox.width, canvas.bbox.height
    return [
        text
        for text, _, (x0, y0, x1, y1) in words(canvas)
        if x0 < -EDGE or y0 < -EDGE or x1 > wide + EDGE or y1 > high + EDGE
    ]


def collisions(canvas: Canvas) -> list[tuple[str, str]]:
    """Pairs that share more than an edge; of slanted names each is compared with the level ones alone."""
    found = []
    for (one, turned, a), (other, also, b) in itertools.combinations(words(canvas), 2):
        slanted = turned % 90 and also % 90
        if not slanted and min(a[2], b[2]) - max(a[0], b[0]) > EDGE and min(a[3], b[3]) - max(a[1], b[1]) > EDGE:
            found.append((one, other))
    return found


@pytest.mark.parametrize("figure", crowded.everything(), ids=lambda figure: figure.name)
def test_all_words_lie_in_the_picture_and_none_on_another(figure: Figure):
    drawn = picture(figure)
    assert outside(drawn) == []
    assert collisions(drawn) == []
