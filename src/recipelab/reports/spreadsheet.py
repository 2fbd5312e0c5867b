"""Tables as CSV, with all digits."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO

from recipelab.core import atomic
from recipelab.core.cells import csv_cell
from recipelab.reports.parts import Table, Value


def write_csv(table: Table, path: Path) -> None:
    """A row a row, in the metrics' own units (accuracies in [0, 1], seconds); no text is taken for a formula."""

    def fill(file: IO[str]) -> None:
        out = csv.writer(file)
        out.writerow([csv_cell(name) for column in table.columns for name in column.headings])
        for row in table.rows:
            out.writerow([_value(value) for cell in row for value in cell.raw])

    atomic.write_lines(path, fill)


def _value(value: Value) -> str:
    if value is None:
        return ""
    return csv_cell(value) if isinstance(value, str) else repr(value)
