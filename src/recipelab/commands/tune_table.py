"""What a search shows at its end: the table of its trials; and the same as CSV and Markdown."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from recipelab.core import atomic
from recipelab.core.cells import csv_cell
from recipelab.core.markdown import escaped
from recipelab.studies.progress import duration
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Outcome, Row

SHOWN = 10


def shown_value(name: str, value: float) -> str:
    """A value of a metric as people write it."""
    if name == "accuracy":
        return f"{value:.2%}"
    return duration(value) if name == "seconds" else f"{value:.4g}"


def drawn(row: Row) -> str:
    """What a trial has drawn, short."""
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.params.items())


def ranked(found: Outcome, objective: Objective) -> list[Row]:
    """Finished trials, the best first, by the first metric."""
    done = [row for row in found.rows if row.state == "finished"]
    return sorted(done, key=lambda row: (-row.values[0] if objective.goals[0].rises else row.values[0], row.number))


def trials_table(found: Outcome, objective: Objective) -> Table:
    """The best trials; the winner, or the Pareto front, is bold."""
    several = len(objective.goals) > 1
    rows = [found.row(number) for number in found.best] if several else ranked(found, objective)[:SHOWN]
    what = "Pareto front" if several else f"best {len(rows)}"
    table = Table(box=SIMPLE_HEAD, title=f"{what} of {found.count('finished')} finished trials", title_justify="left")
    for name in ("trial", *(goal.name for goal in objective.goals), "time"):
        table.add_column(name, justify="right")
    table.add_column("drawn")
    for row in rows:
        values = [shown_value(g.name, v) for g, v in zip(objective.goals, row.values, strict=True)]
        time = "" if row.seconds is None else duration(row.seconds)
        style = "bold" if row.number in found.best else None
        table.add_row(str(row.number), *values, time, Text(drawn(row)), style=style)
    return table


def counts(found: Outcome) -> str:
    """How the trials ended, in words."""
    repeats = sum(row.repeats for row in found.rows)
    words = [f"{n} {w}" for w in ("finished", "pruned", "failed", "running", "waiting") if (n := found.count(w))]
    again = f", {repeats} gone on with after a stop or crash" if repeats else ""
    return f"{len(found.rows)} trials: {', '.join(words)}{again}"


def write_tables(found: Outcome, objective: Objective, folder: Path, notes: list[str]) -> None:
    """trials.csv, a row a trial, and table.md, the finished ones."""
    goals = [goal.name for goal in objective.goals]
    params = list(dict.fromkeys(name for row in found.rows for name in row.params))

    def rows(file: Any) -> None:
        out = csv.writer(file)
        head = [
            "trial",
            "state",
            *goals,
            "seconds",
            "evaluations",
            "repeats",
            *map(csv_cell, params),
            "record",
            "reason",
        ]
        out.writerow(head)
        for row in found.rows:
            values = [*row.values, *[""] * (len(goals) - len(row.values))]
            said = [csv_cell(v) if isinstance(v, str) else v for v in (row.params.get(p, "") for p in params)]
            last = [csv_cell(row.record), csv_cell(row.reason)]
            out.writerow([row.number, row.state, *values, row.seconds, row.evaluations, row.repeats, *said, *last])

    atomic.write_lines(folder / "trials.csv", rows)
    head = ["trial", *goals, "time", *params]
    lines = ["| " + " | ".join(map(escaped, head)) + " |", "|" + " --- |" * len(head)]
    for row in ranked(found, objective):
        values = [shown_value(name, v) for name, v in zip(goals, row.values, strict=True)]
        if row.number in found.best:
            values = [f"**{value}**" for value in values]
        time = "" if row.seconds is None else duration(row.seconds)
        said = [row.params.get(p, "") for p in params]
        words = [escaped(f"{v:.4g}" if isinstance(v, float) else str(v)) for v in said]
        lines.append("| " + " | ".join([str(row.number), *values, time, *words]) + " |")
    lines += ["", counts(found) + "."] + [f"- {escaped(note)}" for note in notes]
    atomic.write_text(folder / "table.md", "\n".join(lines) + "\n")
