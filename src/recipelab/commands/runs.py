"""`recipelab runs`: the records below a folder as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recipelab.core.errors import UserError
from recipelab.records.listing import list_records

PIPED_WIDTH = 1000  # columns when nobody looks: nothing is cut off
MOST_FRAMED = 1000  # rows; laying out 10,000 takes ten seconds, and nobody looks at them in a frame
_STYLE = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "unreadable": "red"}
COLUMNS = ("record", "status", "created", "data", "model", "seed", "epochs", "val", "test", "seconds")
RIGHT = ("seed", "epochs", "val", "test", "seconds")
IN_NAME = ("created", "data", "model", "seed")  # a record's own name says them, where the terminal is too narrow


def runs(folder: str) -> None:
    """Print the records at or below `folder`, the oldest first. Raises UserError when there is no such folder.

    In a pipe, and of more than 1,000: no frame, no colours, no cut, one line a record.
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
    if console.is_terminal and len(rows) <= MOST_FRAMED:
        table = _table(rows, root, COLUMNS)
        if console.measure(table, options=console.options.update(width=PIPED_WIDTH)).maximum > console.width:
            table = _table(rows, root, [name for name in COLUMNS if name not in IN_NAME])
        console.print(table)
    else:
        console = Console(width=PIPED_WIDTH)
        print("\n".join(_lines(rows, root)))
    for row in rows:
        if row["status"] in ("failed", "unreadable") and row["reason"]:
            console.print(_text(f"{_name(row, root)}: {str(row['reason']).splitlines()[0]}"))
        if isinstance(row["opened"], int) and row["opened"] > 1:
            console.print(_text(f"{_name(row, root)}: the test split was opened {row['opened']} times"))
    if any(_saw_test(row) for row in rows):
        console.print("* data.protocol=test_as_val: the test split was the validation split; selection saw it")


def _percent(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all are accuracies; else every cell names what it is."""
    return all(row["metric"] == "accuracy" for row in rows)


def _heading(name: str, percent: bool) -> str:
    return f"{name} %" if percent and name in ("val", "test") else name


def _lines(rows: Sequence[Mapping[str, Any]], root: Path) -> Iterator[str]:
    """Aligned columns, two spaces apart."""
    percent = _percent(rows)
    cells = [{name: _heading(name, percent) for name in COLUMNS}]
    cells += [{name: _plain(cell) for name, cell in _cells(row, root, percent).items()} for row in rows]
    wide = {name: max(cell_len(row[name]) for row in cells) for name in COLUMNS}
    for row in cells:
        yield "  ".join(_padded(row[name], wide[name], name in RIGHT) for name in COLUMNS).rstrip()


def _padded(cell: str, width: int, right: bool) -> str:
    room = " " * (width - cell_len(cell))
    return room + cell if right else cell + room


def _table(rows: Sequence[Mapping[str, Any]], root: Path, columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    percent = _percent(rows)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in RIGHT else "left"
        table.add_column(_heading(name, percent), justify=justify, overflow="fold", no_wrap=name != "record")
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
    return bool(row["protocol"] == "test_as_val")


def _text(value: str, style: str = "") -> Text:
    """A cell as it is: no markup is read in it, and nothing in it moves a terminal's cursor."""
    return Text(_plain(value), style=style)


def _plain(value: str) -> str:
    return value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)
