"""How a run shows itself: a line of text, and in a notebook its headline, its results and its curves."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from recipelab.core import markup
from recipelab.figures.chart import Axis, Chart
from recipelab.figures.curves import Series, curves_panel
from recipelab.metrics.catalogue import PRIMARY, TIE_BREAKER

SPLITS = ("train", "val", "test")


def run_line(path: Path, status: str, result: Mapping[str, Any]) -> str:
    """«NAME: finished, test accuracy 98.61% (best, raw), 11.7 s of training»; as much of it as there is."""
    told = [status]
    head = result.get("headline") or {}
    if head:
        value = _shown(head["metric"], head.get(head["metric"]))
        told.append(f"{head['split']} {head['metric']} {value} ({head['checkpoint']}, {head['view']})")
    elif progress := result.get("progress"):
        told.append(f"step {progress.get('step')} of {progress.get('total_steps')}")
    if result.get("protocol") == "test_as_val":
        told.append("protocol test_as_val: selection saw the test split")
    if result.get("seconds"):
        told.append(f"{result['seconds']:.1f} s of training")
    return f"{path.name}: {', '.join(told)}"


def run_html(path: Path, status: str, result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The headline, a table of checkpoint and view, and the validation curve of every view."""
    parts = [markup.line(run_line(path, status, result), strong=True)]
    if table := _results(result):
        parts.append(table)
    if chart := _curves(result, rows):
        parts.append(_image(chart))
    if result.get("reason"):
        parts.append(markup.line(f"{status}: {result['reason']}"))
    return "".join([*parts, markup.line(f"record: {path}")])


def _results(result: Mapping[str, Any]) -> str:
    """What was measured at the end: the metric of the task and the one beside it, on every split that was opened."""
    splits = [split for split in SPLITS if result.get(split)]
    head = result.get("headline") or {}
    if not splits or not head:
        return ""
    metrics = [head["metric"], TIE_BREAKER[result.get("task") or "classification"]]
    names = [f"{split} {metric}" for split in splits for metric in metrics]
    rows: list[list[str]] = []
    strong: list[int] = []
    for checkpoint, views in result[splits[0]].items():
        for view in views:
            found = [result[split].get(checkpoint, {}).get(view, {}).get(m) for split in splits for m in metrics]
            if (checkpoint, view) == (head["checkpoint"], head["view"]):
                strong.append(len(rows))
            rows.append([checkpoint, view, *(_shown(m, v) for m, v in zip(metrics * len(splits), found, strict=True))])
    return markup.table(["checkpoint", "view", *names], rows, strong)


def _curves(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Chart | None:
    metric = PRIMARY[result.get("task") or "classification"]
    columns = [c for c in (rows[0] if rows else {}) if c.startswith("val_") and c.endswith(f"_{metric}")]
    series = [
        Series(
            column.removeprefix("val_").removesuffix(f"_{metric}"),
            [([_number(row["epoch"]) for row in rows], [_number(row.get(column)) for row in rows])],
            index,
        )
        for index, column in enumerate(columns)
    ]
    percent = metric == "accuracy"
    panel = curves_panel(series, Axis("epoch"), Axis(f"{metric}{' (%)' if percent else ''}", percent=percent))
    return Chart("curve", f"Validation {metric}", [panel]) if panel.marks else None


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _image(chart: Chart) -> str:
    from recipelab.figures.pictures import picture  # matplotlib takes half a second, and most runs show no curve

    content = io.BytesIO()
    picture(chart).savefig(content, format="png", dpi=80)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{escape(chart.title)}" src="data:image/png;base64,{data}">'


def _shown(metric: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:.2%}" if metric == "accuracy" else f"{value:.4g}"
