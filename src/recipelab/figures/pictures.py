"""Charts as pictures for documents: matplotlib, PNG or SVG."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from recipelab.core import atomic
from recipelab.figures.chart import Axis, Chart, Figure, Heat, Panel, Tiles
from recipelab.figures.palette import INK
from recipelab.figures.picture_frame import heading, shortened
from recipelab.figures.picture_images import tiles_picture
from recipelab.figures.picture_marks import draw_marks, legend_handles
from recipelab.figures.picture_parallel import parallel_picture

DPI = 100
COLOURS = 128  # of a chart as PNG: a third of its bytes, and no difference to be seen; photographs keep all theirs
ALONE, SHARED = (7.6, 4.2), (4.1, 3.0)  # inches of a panel by itself, and of one of several in a row
ROW = 0.3  # inches of a category on the upright axis
TICKS = 30  # names along an axis, at most


def write(figure: Figure, path: Path, *, caption: bool = True) -> None:
    """Write a picture, replaced atomically; the format by the ending of `path`, .png or .svg.

    caption: whether the caption is written below; a page has it as text.
    Raises ValueError for another ending.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"a picture is a .png or a .svg, not {path.name}")
    # Text stays text, and the same chart gives the same bytes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "recipelab"}):
        drawn = picture(figure, caption=caption)
        if kind == "svg":
            atomic.write(path, lambda file: drawn.savefig(file, format="svg", metadata={"Date": None}))
            return
        content = io.BytesIO()
        drawn.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(content) as whole:
        small = whole if isinstance(figure, Tiles) else whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        atomic.write(path, lambda file: small.save(file, format="png", optimize=True))


def picture(figure: Figure, *, caption: bool = True) -> Canvas:
    """The figure as a matplotlib figure, which no window knows of."""
    below = figure.caption if caption else ""
    if isinstance(figure, Chart):
        return _chart(figure, below)
    if isinstance(figure, Tiles):
        return tiles_picture(figure, below)
    return parallel_picture(figure, below)


def _chart(chart: Chart, caption: str) -> Canvas:
    columns = min(chart.columns, len(chart.panels))
    rows = math.ceil(len(chart.panels) / columns)
    sizes = [_size(panel, alone=columns == 1) for panel in chart.panels]
    width = columns * max(wide for wide, _ in sizes)
    heights = [max(high for _, high in sizes[row * columns : (row + 1) * columns]) for row in range(rows)]
    canvas = Canvas(figsize=(width, sum(heights)), layout="constrained")
    grid = canvas.add_gridspec(rows, columns, height_ratios=heights)
    first: Any = None
    for index, panel in enumerate(chart.panels):
        together = {"sharex": first, "sharey": first} if chart.shared and first is not None else {}
        axes = canvas.add_subplot(grid[index // columns, index % columns], **together)
        first = first or axes
        _panel(axes, panel)
    high = sum(heights) + _legend(canvas, chart, width)
    heading(canvas, chart.title, caption, (width, high))
    return canvas


def _size(panel: Panel, *, alone: bool) -> tuple[float, float]:
    """Inches of a panel: of rows as many as there are, of a matrix as its cells need."""
    wide, high = ALONE if alone else SHARED
    heat = next((mark for mark in panel.marks if isinstance(mark, Heat)), None)
    names = len(panel.y.categories or ())
    if heat is not None and heat.states is None:
        rows, columns = heat.values.shape
        cell = 0.5 if heat.texts is not None and columns <= 12 else 0.34 if columns <= 40 else 0.13
        margin = 0.075 * min(18, max((len(name) for name in panel.y.categories or ("",)), default=0))
        return max(columns * cell, 3.4) + margin + 1.2, max(rows * cell, 2.6) + margin + 0.6
    if names:
        return wide, max(0.9 + names * (ROW if heat is None else 0.2), 1.6)
    return wide, high


def _panel(axes: Any, panel: Panel) -> None:
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    heat = any(isinstance(mark, Heat) for mark in panel.marks)
    _axis(axes, "x", panel.x, heat)
    _axis(axes, "y", panel.y, heat)
    draw_marks(axes, panel)
    _limits(axes, panel)
    if panel.title:
        axes.set_title(panel.title, loc="left", fontsize=9.5, color=INK, parse_math=False)
    if panel.above is not None:
        _second_scale(axes, panel)


def _axis(axes: Any, which: str, axis: Axis, heat: bool) -> None:
    label = axes.set_xlabel if which == "x" else axes.set_ylabel
    label(axis.label, parse_math=False)
    one = axes.xaxis if which == "x" else axes.yaxis
    if axis.log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        one.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
        one.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
        one.set_minor_formatter(NullFormatter())
    if axis.categories is not None:
        every = max(1, math.ceil(len(axis.categories) / (130 if heat and which == "y" else TICKS)))
        names = [shortened(name) for name in axis.categories[::every]]
        steep = which == "x" and (sum(map(len, names)) > 60 or max(map(len, names), default=0) > 16)
        one.set_ticks(range(0, len(axis.categories), every), names, parse_math=False, fontsize=8)
        axes.tick_params(axis=which, length=0, rotation=90 if steep and heat else 25 if steep else 0)
        if steep and not heat:
            for text in axes.get_xticklabels():
                text.set_ha("right")
        if not heat:
            axes.grid(visible=which == "x", axis=which)


def _limits(axes: Any, panel: Panel) -> None:
    """What is shown of each axis, after the marks have said where they are."""
    for axis, limit in ((panel.x, axes.set_xlim), (panel.y, axes.set_ylim)):
        if axis.limits is not None:
            low, high = (100 * end if axis.percent else end for end in axis.limits)
            limit(low, high)
        elif axis.categories is not None and not any(isinstance(mark, Heat) for mark in panel.marks):
            limit(-0.6, len(axis.categories) - 0.4)
    if panel.x.reverse:
        axes.xaxis.set_inverted(True)
    if panel.y.reverse:
        axes.yaxis.set_inverted(True)


def _second_scale(axes: Any, panel: Panel) -> None:
    assert panel.above is not None
    label, ticks = panel.above
    above = axes.twiny()
    above.set_xscale(axes.get_xscale())
    above.set_xlim(axes.get_xlim())
    low, high = sorted(axes.get_xlim())
    shown = [(place, text) for place, text in ticks if low <= place <= high]
    above.set_xticks([place for place, _ in shown], [text for _, text in shown], parse_math=False, fontsize=8)
    above.set_xticks([], minor=True)
    above.set_xlabel(label, parse_math=False)
    above.spines[["right"]].set_visible(False)


def _legend(canvas: Canvas, chart: Chart, width: float) -> float:
    """The legend below everything; the inches that it needs."""
    handles = legend_handles(chart.panels) if chart.legend else []
    if not handles:
        return 0.0
    longest = max(len(handle.get_label()) for handle in handles)
    columns = max(1, min(len(handles), int(width * 11.5 / (longest + 7))))
    legend = canvas.legend(handles=handles, frameon=False, loc="outside lower center", ncols=columns, fontsize=8.5)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return 0.2 * math.ceil(len(handles) / columns)
