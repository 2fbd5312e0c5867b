"""Tables that a study's file asks for: each number with the runs behind it, and marked where it is proven the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipelab.config.identity import flatten
from recipelab.figures import catalogue
from recipelab.reports.material import Reading
from recipelab.reports.numbers import ArmNumbers, Numbers
from recipelab.reports.parts import Cell, Column, Table
from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import verdicts


def pivot(found: Numbers, wanted: catalogue.Pivot) -> Table | None:
    """A row a level of one axis, a column a level of another."""
    assert wanted.rows is not None
    assert wanted.columns is not None
    rows, columns = found.axes.get(wanted.rows), found.axes.get(wanted.columns)
    if not rows or not columns:
        return None
    splits: list[str] = list(wanted.splits) or [found.split]
    heads = [(column, split) for column in columns for split in splits]
    values = {
        (row, *head): _values(found, {wanted.rows: row, wanted.columns: head[0]}, head[1])
        for row in rows
        for head in heads
    }
    best = {head: _proven_best({row: values[row, *head][0] for row in rows}, found) for head in heads}
    made = []
    for row in rows:
        cells = [_cell(*values[row, *head], found, best[head] == row) for head in heads]
        if wanted.increase:
            cells.append(_increase(values[row, columns[0], splits[-1]][0], values[row, columns[-1], splits[-1]][0]))
        made.append([_number(row, _leading(row)), *cells])
    names = [f"{column}, {split}" if len(splits) > 1 else column for column, split in heads]
    more = [f"increase, {splits[-1]} (%)"] if wanted.increase else []
    key = wanted.rows.rpartition(".")[2]
    unit = " (%)" if found.percent else ""
    caption = f"Mean ± {100 * found.confidence:g} % interval of {found.metric}{unit}, n = {found.seeds} seeds at most."
    others = [axis for axis in found.axes if axis not in (wanted.rows, wanted.columns)]
    if others:
        caption += f" Of every seed the mean over all of {', '.join(others)}."
    caption += " Bold: proven better than every other of its column."
    title = f"{', '.join(splits)} {found.metric}{unit} by {key} and {wanted.columns.rpartition('.')[2]}"
    return _table(f"table_{key}", title, (key, *names, *more), made, caption)


def _table(name: str, title: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str) -> Table:
    """A column is one of numbers where no cell of it says anything else."""
    columns = [
        Column(head, all(row[i].values or not row[i].text for row in rows) and any(row[i].values for row in rows))
        for i, head in enumerate(heads)
    ]
    return Table(name, title, columns, rows, caption)


def _number(text: str, value: float | None) -> Cell:
    """A cell that is sorted by its number, if it has one."""
    return Cell(text, () if value is None else (value,))


def _leading(text: str) -> float | None:
    try:
        return float(text.rpartition("=")[2])
    except ValueError:
        return None


def _values(found: Numbers, levels: Mapping[str, str], split: str) -> tuple[dict[int, float], tuple[str, ...]]:
    """Seed -> metric, the mean over every arm with these levels, of seeds that all have; and the runs behind it."""
    arms = [arm for arm in found.arms if all(arm.levels.get(axis) == level for axis, level in levels.items())]
    measured = []
    for arm in arms:
        there = {one.seed: _at(one, split, found.metric) for one in arm.readings}
        measured.append({seed: value for seed, value in there.items() if value is not None})
    seeds = [seed for seed in measured[0] if all(seed in one for one in measured)] if measured else []
    means = {seed: float(np.mean([one[seed] for one in measured])) for seed in seeds}
    return means, tuple(reading.run.name for arm in arms for reading in arm.readings)


def _at(reading: Reading, split: str, metric: str) -> float | None:
    there = reading.run.result.get(split) or {}
    views = there.get(reading.checkpoint) or there.get("last") or {}
    value = (views.get(reading.view) or {}).get(metric)
    return float(value) if isinstance(value, int | float) else None


def _proven_best(column: Mapping[str, Mapping[int, float]], found: Numbers) -> str | None:
    """The row that is proven better than each other, paired by seed; None where no row is."""
    present = {row: seeds for row, seeds in column.items() if seeds}
    if len(present) < 2 or found.study.summary.get("notes"):
        return None
    best = (max if found.higher else min)(present, key=lambda row: float(np.mean(list(present[row].values()))))
    pairs = {}
    for row, seeds in present.items():
        both = [seed for seed in present[best] if seed in seeds]
        if row != best and both:
            pairs[row] = (np.array([present[best][s] for s in both]), np.array([seeds[s] for s in both]))
    said = verdicts(pairs, higher_is_better=found.higher, confidence=found.confidence)
    return best if len(said) == len(present) - 1 and all(one.word == "better" for one in said.values()) else None


def _cell(seeds: Mapping[int, float], runs: tuple[str, ...], found: Numbers, best: bool) -> Cell:
    if not seeds:
        return Cell("")
    scale = 100 if found.percent else 1
    one = mean_interval(np.array(list(seeds.values())) * scale, found.confidence)
    half = "" if one.low is None or one.high is None else f" ± {(one.high - one.low) / 2:.2f}"
    text = f"{one.mean:.2f}{half}" if found.percent else f"{one.mean:.4g}{half}"
    return Cell(text, (one.mean,), strong=best, runs=runs)


def _increase(first: Mapping[int, float], last: Mapping[int, float]) -> Cell:
    if not first or not last or not np.mean(list(first.values())):
        return Cell("")
    gain = 100 * (float(np.mean(list(last.values()))) / float(np.mean(list(first.values()))) - 1)
    return Cell(f"{gain:+.1f}", (gain,))


def recipes(found: Numbers, wanted: catalogue.Recipes) -> Table | None:
    """Every arm with what its recipe says, its metric, and its training time; None where no recipe differs."""
    differing = found.differing()
    keys = wanted.keys or list(differing)[:12]
    if not found.arms or not keys:
        return None
    flat = [flatten(arm.readings[0].run.config) for arm in found.arms]
    rows = []
    for arm, one in zip(found.arms, flat, strict=True):
        cells = [_setting(key, one) for key in keys]
        rows.append([Cell(arm.name), *cells, _mean(arm, found), _minutes(arm)])
    unit = " (%)" if found.percent else ""
    heads = ("arm", *(key.removesuffix("._target_") for key in keys), f"{found.split} {found.metric}{unit}", "minutes")
    caption = f"Mean ± {100 * found.confidence:g} % interval, n = {found.seeds} seeds at most."
    caption += " Bold: proven better than the baseline."
    if not wanted.keys and len(differing) > len(keys):
        caption += f" The first {len(keys)} of {len(differing)} keys that differ."
    return _table("table_recipes", "Recipes and what came of them", heads, rows, caption)


def _setting(key: str, flat: Mapping[str, Any]) -> Cell:
    value = flat.get(key, flat.get(f"{key}._target_", ""))
    if isinstance(value, str) and value.startswith("recipelab."):
        return Cell(value.rpartition(".")[2])
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return _number("" if value is None else str(value).lower() if isinstance(value, bool) else str(value), number)


def _mean(arm: ArmNumbers, found: Numbers) -> Cell:
    scale, line = (100 if found.percent else 1), arm.line
    half = "" if line["low"] is None else f" ± {(line['high'] - line['low']) / 2 * scale:.2f}"
    runs = tuple(one.run.name for one in arm.readings)
    return Cell(f"{line['mean'] * scale:.2f}{half}", (line["mean"] * scale,), strong=line["best"], runs=runs)


def _minutes(arm: ArmNumbers) -> Cell:
    seconds = arm.line.get("seconds")
    return Cell("") if seconds is None else Cell(f"{seconds / 60:.3g}", (seconds / 60,))
