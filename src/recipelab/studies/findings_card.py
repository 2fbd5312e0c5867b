"""How the findings of a study show themselves: a few lines of text, and in a notebook a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recipelab.core import markup
from recipelab.statistics.intervals import Interval
from recipelab.studies.claims import Held
from recipelab.studies.lines import Line

if TYPE_CHECKING:
    from recipelab.studies.findings import Findings

HEADINGS = ("arm", "mean", "interval", "n", "difference", "interval of the difference", "p (Holm)", "verdict")


def findings_text(found: Findings) -> str:
    """The table in columns, the claims, and what is to be known of them."""
    rows = [HEADINGS, *(_cells(line, found) for line in found.lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([_title(found), *table, *_notes(found)])


def findings_html(found: Findings) -> str:
    """The table, with the best in bold where it is proven; the claims, and what is to be known of them."""
    strong = [index for index, line in enumerate(found.lines) if line.best]
    table = markup.table(HEADINGS, [_cells(line, found) for line in found.lines], strong)
    return "".join([markup.line(_title(found), strong=True), table, *map(markup.line, _notes(found))])


def _title(found: Findings) -> str:
    names = list(dict.fromkeys(found.baselines.values()))
    against = names[0] if len(names) == 1 else "the baseline of each"
    return f"{found.split} {found.metric}{' in %' if found.metric == 'accuracy' else ''}, against {against}, by seed"


def _cells(line: Line, found: Findings) -> Sequence[str]:
    scale, digits = (100.0, 2) if found.metric == "accuracy" else (1.0, 4)
    mean = f"{line.interval.mean * scale:.{digits}f}"
    row = [line.arm, mean, _ends(line.interval, scale, digits), str(line.interval.n)]
    if line.verdict is None:
        return [*row, "", "", "", "baseline" if found.baselines.get(line.arm) == line.arm else ""]
    change, p = line.verdict.comparison.difference, line.verdict.p
    more = [f"{change.mean * scale:+.{digits}f}", _ends(change, scale, digits), "" if p is None else f"{p:.3g}"]
    return [*row, *more, str(line.verdict)]


def _ends(one: Interval, scale: float, digits: int) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"[{one.low * scale:.{digits}f}, {one.high * scale:.{digits}f}]"


def _notes(found: Findings) -> list[str]:
    return [
        *map(_claim, found.claims),
        *(f"note: {note}" for note in found.notes),
        *([f"missing: {'; '.join(found.missing)}"] if found.missing else []),
    ]


def _claim(one: Held) -> str:
    p = "" if one.p is None else f", p {one.p:.3g}"
    return f"claim {one.found}: {one.says} (n = {one.n}{p})"
