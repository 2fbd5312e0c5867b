"""A confusion matrix as a picture: counts, or the share of each class that was taken for each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from recipelab.core import atomic

_INK, _MUTED = "#1a1a1a", "#666666"
_WRITTEN = 30  # classes up to which every cell's number is written into it
_NAMED = 130  # classes up to which every row and column is named
_LONG = 18  # letters of a class's name that are shown


def confusion_matrix(
    counts: NDArray[np.int64], names: Sequence[str], path: Path, title: str, *, normalized: bool = False
) -> None:
    """Write a PNG: rows are the classes, columns what was predicted.

    counts: (K, K). names: K, or none for numbers. path: replaced atomically. title: one line above.
    normalized: shares of each row, in percent; a class without samples has an empty row. Counts are coloured by their
    logarithm, shares by their square root, so that few mistakes beside many hits can be seen.
    """
    classes = len(counts)
    cell = 0.5 if classes <= 12 else 0.36 if classes <= _WRITTEN else 0.14 if classes <= _NAMED else 0.05
    named = [name if len(name) <= _LONG else f"{name[: _LONG - 1]}…" for name in names] or list(
        map(str, range(classes))
    )
    size = min(max(classes * cell, 3.2), 20)
    margin = 0.9 + 0.075 * (max(map(len, named)) if classes <= _NAMED else 4)
    figure = Figure(figsize=(size + margin + 1.2, size + margin + 0.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    sums = counts.sum(1, keepdims=True)
    values = 100 * counts / np.where(sums > 0, sums, 1) if normalized else counts.astype(float)
    scale = PowerNorm(0.5, 0, 100) if normalized else LogNorm(1, max(2, int(counts.max())))
    image = axes.imshow(np.ma.masked_equal(values, 0), cmap="Blues", norm=scale, interpolation="nearest")
    ticks, written = (None, None) if normalized else (LogLocator(subs=(1, 2, 5)), "{x:,.0f}")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02, ticks=ticks, format=written)
    bar.minorticks_off()
    bar.set_label("% of the class" if normalized else "samples (logarithmic)", color=_MUTED)
    _name_axes(axes, named)
    axes.set_title(title, loc="left", fontweight="bold", pad=10, fontsize=11)
    if classes <= _WRITTEN:
        _write_numbers(axes, values, normalized, small=classes > 12)
    atomic.write(path, lambda file: figure.savefig(file, format="png"))


def _name_axes(axes, names: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    classes = len(names)
    every = 1 if classes <= _NAMED else 10 ** (len(str(classes)) - 2)
    ticks = range(0, classes, every)
    shown = [names[index] if every == 1 else str(index) for index in ticks]
    font = 9 if classes <= 12 else 8 if classes <= _WRITTEN or every > 1 else 6.5
    steep = 0 if classes <= 12 and max(map(len, shown)) <= 3 else 90
    axes.set_xticks(ticks, shown, rotation=steep, fontsize=font, color=_INK, parse_math=False)
    axes.set_yticks(ticks, shown, fontsize=font, color=_INK, parse_math=False)
    axes.tick_params(length=2, color=_MUTED)
    axes.set_xlabel("predicted")
    axes.set_ylabel("class")
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    if every == 1:
        axes.grid(which="minor", color="#e8e8e8", linewidth=0.4)
    axes.tick_params(which="minor", length=0)


def _write_numbers(axes, values: NDArray[np.float64], normalized: bool, *, small: bool) -> None:  # type: ignore[no-untyped-def]
    top = 100 if normalized else np.log(max(2, values.max()))
    for row, column in zip(*np.nonzero(values), strict=True):
        value = values[row, column]
        depth = np.sqrt(value / top) if normalized else np.log(value) / top
        text = f"{value:.0f}" if not normalized or value >= 10 else f"{value:.1f}"
        style = {"color": "white" if depth > 0.6 else _INK, "fontsize": (6 if small else 8) - (len(text) > 4)}
        axes.text(column, row, text, ha="center", va="center", **style)
