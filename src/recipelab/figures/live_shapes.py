"""Straight lines and shaded stretches across a panel, as shapes of plotly.js."""

from __future__ import annotations

from recipelab.figures.chart import Panel, Rule, Span
from recipelab.figures.live_values import GREY, Trace, named, numbers, scale_of, seen

DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot"}


def rule_shape(mark: Rule, panel: Panel, number: str) -> Trace:
    """A line; number: of its axes."""
    at = numbers([mark.at * scale_of(panel.x if mark.on == "x" else panel.y)])[0]
    across = "y" if mark.on == "x" else "x"
    return {
        "type": "line",
        f"{mark.on}ref": f"{mark.on}{number}",
        f"{across}ref": f"{across}{number} domain",
        **{f"{mark.on}0": at, f"{mark.on}1": at, f"{across}0": 0, f"{across}1": 1},
        "line": {"color": GREY if mark.colour is None else seen(mark.colour), "dash": DASHES[mark.dash], "width": 1.5},
        **named(mark.name),
    }


def span_shape(mark: Span, panel: Panel, number: str) -> Trace:
    """A stretch; shapes, unlike annotations, have their values on a logarithmic axis, too."""
    ends = numbers([mark.low * scale_of(panel.x), mark.high * scale_of(panel.x)])
    return {
        "type": "rect",
        "xref": f"x{number}",
        "yref": f"y{number} domain",
        **{"x0": ends[0], "x1": ends[1], "y0": 0, "y1": 1},
        **{"fillcolor": f"{GREY}33", "line": {"width": 0}, "layer": "below"},
        **named(mark.name),
    }
