"""The legend below everything."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure as Canvas

from recipelab.figures.chart import Chart
from recipelab.figures.picture_marks import legend_handles
from recipelab.figures.picture_text import LINE, inches, wrapped

SIZE = 8.5  # points
SAMPLE, BETWEEN = 0.45, 0.25  # inches of a mark's sample with its distance to its name, and between columns


def legend(canvas: Canvas, chart: Chart, width: float) -> float:
    """Names in as many columns as fit the width, each name once; the inches that they need."""
    handles = legend_handles(chart.panels) if chart.legend else []
    if not handles:
        return 0.0
    names = [wrapped(handle.get_label(), width - SAMPLE - BETWEEN, SIZE) for handle in handles]
    columns = _columns(names, width)
    place: dict[str, Any] = {"loc": "outside lower center", "ncols": columns, "columnspacing": 1.6}
    made = canvas.legend(handles=handles, labels=names, frameon=False, fontsize=SIZE, **place)
    for text in made.get_texts():
        text.set_parse_math(False)
    each = math.ceil(len(names) / columns)
    lines = [sum(1 + name.count("\n") for name in names[first : first + each]) for first in range(0, len(names), each)]
    return 0.15 + (LINE * SIZE / 72 + 0.06) * max(lines)


def _columns(names: list[str], width: float) -> int:
    """The most columns whose longest names stand beside each other. matplotlib fills column by column, and the first
    of them get one more where there is a rest."""
    wide = [max(inches(line, SIZE) for line in name.split("\n")) + SAMPLE + BETWEEN for name in names]
    for columns in range(min(len(names), 12), 1, -1):
        each, more = divmod(len(names), columns)
        ends = [each * c + min(c, more) for c in range(columns + 1)]
        if sum(max(wide[a:b]) for a, b in zip(ends[:-1], ends[1:], strict=True)) <= width:
            return columns
    return 1
