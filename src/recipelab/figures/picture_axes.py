"""The axes of a panel on matplotlib: labels, names, numbers, and a second scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from recipelab.figures.chart import Panel, counted, heat_of
from recipelab.figures.palette import INK
from recipelab.figures.picture_plan import LABEL, NAME, TITLE, Names, Plan
from recipelab.figures.picture_text import inches

AIR = 0.12  # inches between two numbers along an axis
FINE = (1.0, 2.0, 5.0)  # numbers of a decade


def begin(axes: Any, panel: Panel, plan: Plan) -> None:
    """What is known before the marks are drawn: scales, labels, names, the title."""
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(plan.x_label, fontsize=LABEL, parse_math=False)
    axes.set_ylabel(plan.y_label, fontsize=LABEL, parse_math=False)
    heat = heat_of(panel) is not None
    for which, axis, names in (("x", panel.x, plan.x), ("y", panel.y, plan.y)):
        if axis.log:
            (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        if axis.categories is not None:
            _names(axes, which, names, heat)
    if plan.title:
        axes.set_title(plan.title, loc="left", fontsize=TITLE, color=INK, parse_math=False)


def finish(axes: Any, panel: Panel, plan: Plan) -> None:
    """What the marks have a say in: what is shown of each axis, and numbers that fit."""
    for axis, limit in ((panel.x, axes.set_xlim), (panel.y, axes.set_ylim)):
        if axis.limits is not None:
            low, high = (100 * end if axis.percent else end for end in axis.limits)
            limit(low, high)
        elif axis.categories is not None and heat_of(panel) is None:
            limit(-0.6, len(axis.categories) - 0.4)
    if panel.x.reverse:
        axes.xaxis.set_inverted(True)
    if panel.y.reverse:
        axes.yaxis.set_inverted(True)
    if panel.x.log:
        _logarithmic(axes.xaxis, axes.get_xlim(), plan.inner, upright=False)
    elif counted(panel):
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    if panel.y.log:
        _logarithmic(axes.yaxis, axes.get_ylim(), plan.high - 0.75, upright=True)
    if panel.above is not None:
        _second_scale(axes, panel.above, plan.inner)


def _names(axes: Any, which: str, names: Names, heat: bool) -> None:
    one = axes.xaxis if which == "x" else axes.yaxis
    one.set_ticks(names.places, names.words, parse_math=False, fontsize=NAME)
    axes.tick_params(axis=which, length=0, rotation=names.slant)
    for text in axes.get_xticklabels() if names.slant == 35 else ():
        text.set(ha="right", rotation_mode="anchor")
    if not heat:
        axes.grid(visible=which == "x", axis=which)


def _logarithmic(axis: Any, limits: tuple[float, float], room: float, *, upright: bool) -> None:
    """1, 2, 5, 10, ... where they fit, else powers of ten; on less than a decade whatever is round."""
    low, high = sorted(limits)
    ticks: list[float] = []
    for of, stride in ((FINE, 1), *(((1.0,), each) for each in range(1, 10))):
        first = stride * math.floor(math.log10(low) / stride)
        powers = range(first, math.ceil(math.log10(high)) + 1, stride)
        ticks = [tick for power in powers for m in of if low <= (tick := m * 10.0**power) <= high]
        if _apart(ticks, room / math.log10(high / low), upright=upright):
            break
    if len(ticks) < 3:
        ticks = [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high and tick > 0]
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _apart(ticks: Sequence[float], decade: float, *, upright: bool) -> bool:
    """Whether no number touches the next. decade: inches of one."""
    for one, other in itertools.pairwise(ticks):
        needs = 0.2 if upright else (inches(f"{one:g}", LABEL) + inches(f"{other:g}", LABEL)) / 2 + AIR
        if math.log10(other / one) * decade < needs:
            return False
    return True


def _second_scale(axes: Any, scale: tuple[str, Sequence[tuple[float, str]]], inner: float) -> None:
    """The words of the scale above that have room."""
    label, ticks = scale
    above = axes.twiny()
    above.set_xscale(axes.get_xscale())
    above.set_xlim(axes.get_xlim())
    log = axes.get_xscale() == "log"
    low, high = (math.log10(end) if log else float(end) for end in sorted(axes.get_xlim()))
    shown: list[tuple[float, str]] = []
    end = -math.inf
    for place, text in sorted(ticks):
        at = inner * ((math.log10(place) if log else place) - low) / (high - low)
        half = inches(text, NAME) / 2
        if 0 <= at <= inner and at - half > end:
            shown.append((place, text))
            end = at + half + AIR
    above.set_xticks([place for place, _ in shown], [text for _, text in shown], parse_math=False, fontsize=NAME)
    above.set_xticks([], minor=True)
    above.set_xlabel(label, parse_math=False)
    above.spines[["right"]].set_visible(False)
