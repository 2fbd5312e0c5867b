"""The marks of a chart on matplotlib's axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from recipelab.figures.boxes import box_of, thickness
from recipelab.figures.chart import Axis, Bars, Boxes, Heat, Line, Mark, Numbers, Panel, Points, Rule, Span
from recipelab.figures.palette import COLOURS, MUTED, STATES
from recipelab.figures.picture_heat import draw_heat

DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (4, 2)), "dotted": (0, (1, 1.5))}
AGAIN: tuple[Any, ...] = ("-", (0, (7, 1.5, 1, 1.5)), (0, (2, 1)))  # of colours that come a second and a third time
SHAPES = {"circle": "o", "cross": "X", "diamond": "D", "square": "s"}
FEW = 30  # evaluations up to which each is a dot on its line
DENSE = 400  # points from which on they are small and half transparent


def draw_marks(axes: Any, panel: Panel) -> None:
    """Draw every mark of a panel, the later above the earlier."""
    for order, mark in enumerate(panel.marks, start=2):
        _DRAW[type(mark)](axes, mark, panel, order)


def legend_handles(panels: Sequence[Panel]) -> list[Any]:
    """A sample of every named mark, each name once."""
    found: dict[str, Any] = {}
    for panel in panels:
        for mark in panel.marks:
            name = "" if isinstance(mark, Heat) else mark.name
            if name and name not in found:
                found[name] = _sample(mark)
            if isinstance(mark, Heat) and mark.states is not None:
                found |= {s: Patch(color=c, label=s) for s, c in zip(mark.states[::-1], STATES[::-1], strict=True)}
    return list(found.values())


def scaled(values: Numbers, axis: Axis) -> NDArray[np.float64]:
    """Values as the axis is labelled: shares in percent."""
    return np.asarray(values, dtype=np.float64) * (100.0 if axis.percent else 1.0)


def colour_of(index: int) -> str:
    """The colour of an index; colours come again, then in dashes or hollow."""
    return COLOURS[index % len(COLOURS)]


def _line_style(mark: Line) -> dict[str, Any]:
    dash = DASHES[mark.dash] if mark.dash != "solid" else AGAIN[mark.colour // len(COLOURS) % len(AGAIN)]
    pale = {"linewidth": 1.0, "alpha": 0.55} if mark.faint else {"linewidth": 1.8}
    dots = {"marker": "o", "markersize": 3} if 0 < len(mark.x) <= FEW and not mark.faint and not mark.step else {}
    return {"color": colour_of(mark.colour), "linestyle": dash, **pale, **dots}


def _point_style(mark: Points) -> dict[str, Any]:
    colour = colour_of(mark.colour)
    if mark.shape == "tick":
        return {"marker": "|" if mark.along == "x" else "_", "color": colour, "markersize": 12, "markeredgewidth": 2.4}
    hollow = mark.colour // len(COLOURS) % 2 == 1
    dense = len(mark.x) > DENSE
    return {
        "marker": SHAPES[mark.shape],
        "color": colour,
        "markersize": (7.5 if mark.shape == "cross" else 6) * (0.55 if dense else 1),
        "markerfacecolor": "white" if hollow else colour,
        "markeredgecolor": colour if hollow else "white",
        "markeredgewidth": 0.0 if dense else 1.2 if hollow else 0.6,
        "alpha": 0.5 if dense else 1.0,
    }


def _line(axes: Any, mark: Line, panel: Panel, order: int) -> None:
    x, y = scaled(mark.x, panel.x), scaled(mark.y, panel.y)
    draws = "steps-post" if mark.step else "default"
    if mark.low is not None and mark.high is not None:
        low, high = scaled(mark.low, panel.y), scaled(mark.high, panel.y)
        axes.fill_between(x, low, high, color=colour_of(mark.colour), alpha=0.16, linewidth=0, zorder=order)
    axes.plot(x, y, drawstyle=draws, zorder=order, **_line_style(mark))


def _points(axes: Any, mark: Points, panel: Panel, order: int) -> None:
    x, y = scaled(mark.x, panel.x), scaled(mark.y, panel.y)
    if mark.low is not None and mark.high is not None:
        along = panel.x if mark.along == "x" else panel.y
        ends = np.stack([scaled(mark.low, along), scaled(mark.high, along)])
        draw = axes.hlines if mark.along == "x" else axes.vlines
        draw(y if mark.along == "x" else x, *ends, color=colour_of(mark.colour), linewidth=1.3, zorder=order)
    axes.plot(x, y, linestyle="none", zorder=order + 0.5, **_point_style(mark))


def _bars(axes: Any, mark: Bars, panel: Panel, order: int) -> None:
    heights, edges = np.asarray(mark.heights, dtype=np.float64), scaled(mark.edges, panel.x)
    colour = colour_of(mark.colour)
    axes.stairs(heights, edges, color=colour, fill=True, alpha=0.2, zorder=order)
    axes.stairs(heights, edges, color=colour, linewidth=1.6, zorder=order + 0.5)


def _boxes(axes: Any, mark: Boxes, panel: Panel, order: int) -> None:
    along = panel.x if mark.along == "x" else panel.y
    places = [place for other in panel.marks if isinstance(other, Boxes) for place in np.asarray(other.at)]
    found = [box_of(scaled(values, along)) for values in mark.values]
    stats = [
        {"med": b.median, "q1": b.q1, "q3": b.q3, "whislo": b.low, "whishi": b.high, "fliers": b.outside} for b in found
    ]
    colour = colour_of(mark.colour)
    thin = {"color": colour, "linewidth": 1.1}
    axes.bxp(
        stats,
        positions=list(mark.at),
        widths=thickness(places),
        orientation="horizontal" if mark.along == "x" else "vertical",
        patch_artist=True,
        manage_ticks=False,
        zorder=order,
        boxprops={"facecolor": f"{colour}40", "edgecolor": colour, "linewidth": 1.1},
        medianprops={"color": colour, "linewidth": 2},
        whiskerprops=thin,
        capprops=thin,
        flierprops={"marker": "D", "markersize": 3.5, "markerfacecolor": colour, "markeredgewidth": 0},
    )


def _rule(axes: Any, mark: Rule, panel: Panel, order: int) -> None:
    at = mark.at * (100 if (panel.x if mark.on == "x" else panel.y).percent else 1)
    (axes.axvline if mark.on == "x" else axes.axhline)(at, zorder=order, **_rule_style(mark))


def _span(axes: Any, mark: Span, panel: Panel, order: int) -> None:
    low, high = scaled([mark.low, mark.high], panel.x)
    axes.axvspan(low, high, zorder=0, **_span_style())


def _span_style() -> dict[str, Any]:
    return {"facecolor": "#f0f0f0", "edgecolor": "#dcdcdc", "hatch": "///", "linewidth": 0}


def _rule_style(mark: Rule) -> dict[str, Any]:
    colour = MUTED if mark.colour is None else colour_of(mark.colour)
    return {"color": colour, "linestyle": DASHES[mark.dash], "linewidth": 1.2}


def _sample(mark: Mark) -> Any:
    """The legend's sample of a mark."""
    if isinstance(mark, Line):
        return Line2D([], [], label=mark.name, **{**_line_style(mark), "marker": ""})
    if isinstance(mark, Points):
        return Line2D([], [], label=mark.name, linestyle="none", **_point_style(mark))
    if isinstance(mark, Rule):
        return Line2D([], [], label=mark.name, **_rule_style(mark))
    if isinstance(mark, Span):
        return Patch(label=mark.name, **_span_style())
    assert isinstance(mark, Bars | Boxes)
    colour = colour_of(mark.colour)
    return Patch(facecolor=f"{colour}40", edgecolor=colour, label=mark.name)


_DRAW: dict[type, Callable[[Any, Any, Panel, int], None]] = {
    Line: _line, Points: _points, Bars: _bars, Boxes: _boxes, Rule: _rule, Span: _span, Heat: draw_heat,
}  # fmt: skip
