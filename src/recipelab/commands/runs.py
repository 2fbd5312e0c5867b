"""`recipelab runs`: the records below a folder as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recipelab.core.errors import UserError
from recipelab.records import results
from recipelab.records.listing import list_records

PIPED_WIDTH = 1000  # columns when nobody looks: nothing is cut off
_STYLE = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "unreadable": "red"}
COLUMNS = ("record", "status", "created", "data", "model", "seed", "epochs", "val", "test", "seconds")
RIGHT = ("seed", "epochs", "val", "test", "seconds")
IN_NAME = ("created", "data", "model", "seed")  # a record's own name says them, where the terminal is too narrow


def runs(folder: str) -> None:
    """Print the records at or below `folder`, the oldest first. Raises UserError when there is no such folder.

    In a pipe: no frame, no colours, no cut, one line a record.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UserError(
            f"{folder} {what}: give the root of the records, recipelab runs DIR, or make one: recipelab train"
        )
    rows = list_records(root)
    if not rows:
        print(f"no records below {folder}; to make one: recipelab train output={folder}")
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    table = _table(rows, root, COLUMNS, framed=console.is_terminal)
    if console.measure(table, options=console.options.update(width=PIPED_WIDTH)).maximum > console.width:
        table = _table(rows, root, [name for name in COLUMNS if name not in IN_NAME], framed=console.is_terminal)
    console.print(table)
    for row in rows:
        if row["status"] in ("failed", "unreadable") and row["reason"]:
            console.print(_text(f"{_name(row, root)}: {str(row['reason']).splitlines()[0]}"))
        if isinstance(row["opened"], int) and row["opened"] > 1:
            console.print(_text(f"{_name(row, root)}: the test split was opened {row['opened']} times"))
    if any(_saw_test(row) for row in rows):
        console.print("* data.protocol=test_as_val: the test split was the validation split; selection saw it")


def _table(rows: Sequence[Mapping[str, Any]], root: Path, columns: Sequence[str], *, framed: bool) -> Table:
    table = Table(box=SIMPLE_HEAD if framed else None, pad_edge=framed)
    percent = all(row["metric"] == "accuracy" for row in rows)  # else every cell names what it is
    for name in columns:
        fold = framed and name == "record"
        heading = f"{name} %" if percent and name in ("val", "test") else name
        table.add_column(heading, justify="right" if name in RIGHT else "left", overflow="fold", no_wrap=not fold)
    for row in rows:
        cells = _cells(row, root, percent)
        style = _STYLE.get(cells["status"], "")
        table.add_row(*(_text(cells[name], style if name == "status" else "") for name in columns))
    return table


def _cells(row: Mapping[str, Any], root: Path, percent: bool) -> dict[str, str]:
    mark = " *" if _saw_test(row) else ""
    return {
        "record": _name(row, root),
        "status": row["status"],
        "created": str(row["created"] or "")[:16].replace("T", " "),
        **{name: "" if row[name] is None else str(row[name]) for name in ("data", "model", "seed")},
        "epochs": _progress(row),
        **{name: _value(row["metric"], row[name], percent) + mark for name in ("val", "test")},
        "seconds": _number(row["seconds"], 1, 1),
    }


def _name(row: Mapping[str, Any], root: Path) -> str:
    """The record's folder below the root; its own name when it is the root."""
    relative = Path(row["path"]).relative_to(root)
    return str(relative) if relative.parts else root.resolve().name


def _progress(row: Mapping[str, Any]) -> str:
    if not isinstance(row["epochs"], int | float):
        return ""
    done = row["epoch"] if isinstance(row["epoch"], int | float) else 0
    return "/".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in (done, row["epochs"]))


def _number(value: object, scale: int, digits: int) -> str:
    return f"{value * scale:.{digits}f}" if isinstance(value, int | float) else ""


def _value(metric: str, value: object, percent: bool) -> str:
    if metric == "accuracy":
        return _number(value, 100, 2) + ("" if percent or value is None else " %")
    return f"{metric} {value:.4g}" if isinstance(value, int | float) else ""


def _saw_test(row: Mapping[str, Any]) -> bool:
    if row["status"] == "unreadable":
        return False
    return results.read(Path(row["path"])).get("protocol") == "test_as_val"


def _text(value: str, style: str = "") -> Text:
    """A cell as it is: no markup is read in it, and nothing in it moves a terminal's cursor."""
    return Text("".join(c if c.isprintable() else "?" for c in value), style=style)
