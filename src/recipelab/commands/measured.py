"""Trained models measured on the same samples, alone and together, and the table of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from torch import Tensor

from recipelab.commands.answers import Answer
from recipelab.commands.calibrate import calibration
from recipelab.commands.screen import shown
from recipelab.commands.task import make_metrics
from recipelab.commands.trained import Trained
from recipelab.core.errors import UserError

Row = dict[str, Any]


def measured(found: Iterable[Answer], temperatures: Iterable[float] | None = None) -> tuple[list[Row], int]:
    """A row an answer: name, checkpoint, step, view, metrics; and of how many samples they are, those that can be read.

    temperatures: what the logits of each are divided by; the row then tells NLL and ECE before and after, too.
    """
    rows, count = [], 0
    for answer, degrees in zip(found, itertools.repeat(None) if temperatures is None else temperatures, strict=False):
        values = answer.outputs if degrees is None else answer.outputs / degrees
        line = row(
            answer.name, answer.checkpoint, answer.step, answer.view, score(values, answer.targets, answer.member)
        )
        if degrees is not None:
            line["calibration"] = calibration(answer.outputs.numpy(), answer.targets.numpy(), degrees).numbers()
        rows.append(line)
        count = len(answer.targets)
    return rows, count


def require_same_kind(members: Sequence[Trained]) -> None:
    """Every model tells the same classes from images stored in the same size. Raises UserError naming what differs."""
    first = members[0]
    for member in members[1:]:
        for key in ("task", "num_classes", "class_names", "image_size", "input_channels", "image_dtype"):
            mine, theirs = (getattr(one.facts.of_stored(), key) for one in (first, member))
            if mine != theirs:
                raise UserError(
                    f"{first.name} and {member.name} cannot be taken together: {key} is {mine} and {theirs}"
                )


def row(name: str, checkpoint: str, step: int | None, view: str, metrics: Mapping[str, Any]) -> Row:
    """One line of an evaluation."""
    return {"name": name, "checkpoint": checkpoint, "step": step, "view": view, "metrics": dict(metrics)}


def score(values: Tensor, targets: Tensor, member: Trained) -> dict[str, Any]:
    """The metrics of a model's recipe for outputs (N, K), counted as many samples at a time as in training."""
    counts, size = make_metrics(member.recipe, member.facts, values.device), member.recipe.trainer.eval_batch_size
    for some, truth in zip(values.split(size), targets.split(size), strict=True):
        counts.update(some, truth)
    return counts.compute()


def _chosen(metrics: Mapping[str, Any], columns: Sequence[str]) -> list[tuple[str, Any]]:
    return [(key, metrics[key]) for key in columns]


def evaluation_table(rows: Sequence[Row], title: str) -> Table:
    """A line a row: where its weights are from, and every metric that is one number."""
    table = Table(title=title, title_justify="left")
    for name in ("model", "checkpoint", "view"):
        table.add_column(name, overflow="fold")
    columns = [key for key, value in rows[0]["metrics"].items() if not isinstance(value, list)]
    for key in columns:
        table.add_column("NLL" if key == "nll" else key, justify="right")
    for line in rows:
        cells = [f"{v:.4f}" if key == "nll" else shown(key, v) for key, v in _chosen(line["metrics"], columns)]
        where = line["checkpoint"] if line["step"] is None else f"{line['checkpoint']} (step {line['step']})"
        table.add_row(line["name"], where, line["view"], *cells, style="bold" if line is rows[-1] else None)
    return table
