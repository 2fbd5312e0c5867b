"""metrics.csv: one row an evaluation or logging step, replaced whole at every row, so that no reader sees half a row.

Rows are kept as the text that is written: appending one costs a join, whatever the number of columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from recipelab.core import atomic
from recipelab.core.errors import UserError

OWN_COLUMNS = ("epoch", "step", "samples", "seconds")
Value = float | int | None
# No comma or quote, so a line splits at commas; a letter first, so no spreadsheet takes a name for a formula.
_COLUMN = re.compile(r"[A-Za-z_][^,\"\r\n]*")


class MetricsFile:
    """The metrics of one run.

    path: the file; it may be missing until the first row.
    write: (path, text) -> replaces the file atomically.
    """

    def __init__(self, path: Path, write: Callable[[Path, str], None] = atomic.write_text) -> None:
        self._path = path
        self._write = write
        self._columns: list[str] | None = None
        self._lines: list[str] = []

    def append(self, row: Mapping[str, Value]) -> None:
        """Add a row; a column not seen before is added at the end, blank in older rows.

        None is written as a blank, a float with all its digits (it reads back equal, NaN and infinities included).
        Raises TypeError for other values, ValueError for a column name with a comma, quote or line break.
        """
        columns = self._load()
        cells = {name: _text(name, value) for name, value in row.items()}
        new = [name for name in cells if name not in columns]
        for name in new:
            if not _COLUMN.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a column of {self._path.name}")
        if new:
            columns.extend(new)
            self._lines = [line + "," * len(new) for line in self._lines]
        self._lines.append(",".join([cells.get(name, "") for name in columns]))
        self._save()

    def truncate(self, step: int) -> None:
        """Drop the rows of later steps than `step`; a resumed run writes them again."""
        self._load()
        kept = [line for line in self._lines if (_number(line.split(",", 2)[1]) or 0) <= step]
        if len(kept) < len(self._lines):
            self._lines = kept
            self._save()

    def rows(self) -> list[dict[str, Value]]:
        """The rows in the file, every column in each; blanks are None. A missing file has none.

        A last line that was cut short is left out. Raises UserError for any other line that cannot be read.
        """
        columns, lines = self._read()
        return [dict(zip(columns, _values(line), strict=True)) for line in lines]

    def _load(self) -> list[str]:
        if self._columns is None:
            self._columns, self._lines = self._read()
        return self._columns

    def _save(self) -> None:
        assert self._columns is not None
        self._write(self._path, "\n".join([",".join(self._columns), *self._lines, ""]))

    def _read(self) -> tuple[list[str], list[str]]:
        """(columns, lines), each line checked to have a number or a blank in every column."""
        try:
            text = self._path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return list(OWN_COLUMNS), []
        whole = text[: text.rfind("\n") + 1]  # a cut line may look like a good one: 0.12 of 0.1234
        if not whole:
            return list(OWN_COLUMNS), []
        head, *lines = whole[:-1].split("\n")
        columns = head.split(",")
        if tuple(columns[: len(OWN_COLUMNS)]) != OWN_COLUMNS:
            raise UserError(f"{self._path} is not a metrics file: it does not begin with {','.join(OWN_COLUMNS)}")
        for number, line in enumerate(lines, start=2):
            if not _readable(line, len(columns)):
                raise UserError(f"{self._path}, line {number} cannot be read: {line[:80]!r}")
        return columns, lines


def _text(name: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    raise TypeError(f"metric {name} is a {type(value).__name__}, not a float, an int or None")


def _values(line: str) -> list[Value]:
    return [_number(cell) for cell in line.split(",")]


def _number(cell: str) -> Value:
    if not cell:
        return None
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def _readable(line: str, columns: int) -> bool:
    try:
        return len(_values(line)) == columns
    except ValueError:
        return False
