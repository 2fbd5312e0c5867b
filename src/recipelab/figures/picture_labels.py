"""Words beside dots, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import Bbox

from recipelab.figures.chart import Panel, Points
from recipelab.figures.palette import INK
from recipelab.figures.picture_marks import scaled
from recipelab.figures.picture_text import wrapped

SIZE, MOST = 8.0, 1.6  # points, and inches of a word
SIDES = ((0, 6, "center", "bottom"), (7, 0, "left", "center"), (-7, 0, "right", "center"), (0, -6, "center", "top"))


def label_dots(canvas: Canvas, drawn: Sequence[tuple[Any, Panel]]) -> None:
    """Write the labels of all dots: above, beside or below them where they cover nothing, else not at all."""
    if not any(isinstance(mark, Points) and mark.labels for _, panel in drawn for mark in panel.marks):
        return
    canvas.draw_without_rendering()  # lays the axes out
    for axes, panel in drawn:
        marks = [mark for mark in panel.marks if isinstance(mark, Points)]
        dots = [place for mark in marks for place in _places(axes, mark, panel)]
        taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
        for mark in marks:
            for (x, y), word in zip(_places(axes, mark, panel), mark.labels, strict=False):
                _label(axes, word, axes.transData.inverted().transform((x, y)), taken)


def _places(axes: Any, mark: Points, panel: Panel) -> list[tuple[float, float]]:
    x, y = scaled(mark.x, panel.x), scaled(mark.y, panel.y)
    return [tuple(axes.transData.transform(place)) for place in zip(x, y, strict=True)]


def _label(axes: Any, word: str, at: Any, taken: list[Bbox]) -> None:
    for right, up, across, upright in SIDES:
        text = axes.annotate(
            wrapped(word, MOST, SIZE, 1),
            at,
            (right, up),
            textcoords="offset points",
            ha=across,
            va=upright,
            fontsize=SIZE,
            color=INK,
            parse_math=False,
            zorder=60,
        )
        text.set_in_layout(False)
        box = text.get_window_extent()
        inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1)
        if inside and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return
        text.remove()
