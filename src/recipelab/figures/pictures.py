"""Charts as pictures for documents: matplotlib, PNG or SVG."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas
from PIL import Image

from recipelab.core import atomic
from recipelab.figures.chart import Chart, Figure, Tiles, heat_of
from recipelab.figures.picture_axes import begin, finish
from recipelab.figures.picture_frame import heading
from recipelab.figures.picture_images import tiles_picture
from recipelab.figures.picture_labels import label_dots
from recipelab.figures.picture_legend import legend
from recipelab.figures.picture_marks import draw_marks
from recipelab.figures.picture_parallel import parallel_picture
from recipelab.figures.picture_plan import plans

DPI = 100
COLOURS = 256  # of a chart as PNG: a third of its bytes, and no difference to be seen; photographs keep all theirs
WHITE = 252  # from here on a colour is the ground's


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
        small = whole if isinstance(figure, Tiles) else _smaller(whole, shaded=_shaded(figure))
        atomic.write(path, lambda file: small.save(file, format="png", optimize=True))


def _smaller(whole: Image.Image, *, shaded: bool) -> Image.Image:
    """In so many colours, white among them. shaded: shades of one colour shall be as many as can be."""
    how = Image.Quantize.MEDIANCUT if shaded else Image.Quantize.FASTOCTREE
    found = whole.convert("RGB").quantize(COLOURS, how, dither=Image.Dither.NONE)
    palette = np.array(found.getpalette(), np.uint8).reshape(-1, 3)
    palette[palette.min(1) >= WHITE] = 255
    found.putpalette(palette.tobytes())
    return found


def _shaded(figure: Figure) -> bool:
    """Whether it is a matrix. Of other charts the rare colours are to be kept, as of a legend's sample, which a median
    cut mixes."""
    heats = [heat_of(panel) for panel in figure.panels] if isinstance(figure, Chart) else []
    return any(heat is not None and heat.states is None for heat in heats)


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
    planned = plans(chart, columns)
    width = sum(one.left + one.inner for one in planned[:columns]) + 0.1
    heights = [max(one.high for one in planned[row * columns : (row + 1) * columns]) for row in range(rows)]
    canvas = Canvas(figsize=(width, sum(heights)), layout="constrained")
    grid = canvas.add_gridspec(rows, columns, height_ratios=heights)
    first: Any = None
    drawn = []
    for index, (panel, plan) in enumerate(zip(chart.panels, planned, strict=True)):
        together = {"sharex": first, "sharey": first} if chart.shared and first is not None else {}
        axes = canvas.add_subplot(grid[index // columns, index % columns], **together)
        first = first or axes
        begin(axes, panel, plan)
        draw_marks(axes, panel)
        finish(axes, panel, plan)
        drawn.append((axes, panel))
    high = sum(heights) + legend(canvas, chart, width)
    heading(canvas, chart.title, caption, (width, high))
    label_dots(canvas, drawn)
    return canvas
