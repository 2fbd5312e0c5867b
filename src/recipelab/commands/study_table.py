"""What a study shows at its end: the table of arms, effects, claims; and the same as CSV and Markdown."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from recipelab.core import atomic
from recipelab.core.cells import csv_cell
from recipelab.core.markdown import escaped
from recipelab.figures.pictures import write
from recipelab.reports import parts
from recipelab.reports.drawings import figures_of_study, tables_of
from recipelab.reports.gathering import gather
from recipelab.reports.markdown import table_lines
from recipelab.statistics.examples import OverExamples
from recipelab.statistics.intervals import Interval
from recipelab.studies.definition import Study
from recipelab.studies.findings import Findings
from recipelab.studies.lines import Line
from recipelab.studies.progress import duration

HEADINGS = (
    "arm",
    "mean",
    "interval",
    "n",
    "difference",
    "p (Holm)",
    "p (sign flip)",
    "verdict",
    "over examples",
    "seeds needed",
    "time",
)

OVER_EXAMPLES = (
    "over examples: the difference with its interval over seeds and test examples, and the examples that only the arm"
    " (+) or only its baseline (-) has right, summed over the seeds; the verdict is that over the seeds."
)


def study_table(found: Findings, definition: Study) -> Table:
    """A row an arm; the best is bold only where it is proven better than the baseline."""
    level = f"{100 * definition.confidence:g} %"
    unit = ", %" if found.metric == "accuracy" else ""
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{found.split} {found.metric}{unit}; {level} intervals; {_against(found)}, paired by seed",
        title_justify="left",
    )
    for name in HEADINGS:
        table.add_column(Text(name), justify="left" if name in ("arm", "verdict") else "right")
    for line in found.lines:
        table.add_row(*map(Text, cells(line, found)), style="bold" if line.best else None)
    return table


def cells(line: Line, found: Findings) -> list[str]:
    """The cells of an arm."""
    scale = 100.0 if found.metric == "accuracy" else 1.0
    digits = 2 if found.metric == "accuracy" else 4
    one, verdict = line.interval, line.verdict
    row = [line.arm, f"{one.mean * scale:.{digits}f}", _ends(one, scale, digits), str(one.n)]
    if verdict is None:
        said = "baseline" if found.baselines.get(line.arm) == line.arm else ""
        return [*row, "", "", "", said, "", "", _time(line)]
    c = verdict.comparison
    change = f"{c.difference.mean * scale:+.{digits}f} {_ends(c.difference, scale, digits)}".strip()
    sign = "" if c.p_sign is None else f"{c.p_sign:.3g} (least {c.p_smallest:.3g})"
    needed = "" if verdict.needed is None or verdict.word in ("better", "worse") else str(verdict.needed)
    return [*row, change, _p(verdict.p), sign, str(verdict), _examples(line.examples), needed, _time(line)]


def _examples(found: OverExamples | None) -> str:
    """The two-level interval of the difference in accuracy, and how many examples only one of the two has right."""
    if found is None:
        return ""
    ends = "" if found.low is None or found.high is None else f"[{100 * found.low:.2f}, {100 * found.high:.2f}] "
    return f"{ends}+{found.only_arm:,}/-{found.only_other:,}"


def _against(found: Findings) -> str:
    names = list(dict.fromkeys(found.baselines.values()))
    return f"against {names[0]}" if len(names) == 1 else "against the baseline of each"


def _ends(one: Interval, scale: float, digits: int) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"[{one.low * scale:.{digits}f}, {one.high * scale:.{digits}f}]"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _time(line: Line) -> str:
    return "" if line.seconds is None else duration(line.seconds) + (" *" if line.on_front else "")


def effects_table(found: Findings) -> Table:
    """Main effects and two-way interactions of a grid."""
    scale, digits = (100.0, 2) if found.metric == "accuracy" else (1.0, 4)
    table = Table(box=SIMPLE_HEAD, title="effects, over all settings of the other axes", title_justify="left")
    for name in ("effect", "size", "interval", "p (Holm)"):
        table.add_column(name, justify="left" if name == "effect" else "right")
    for effect in found.effects:
        name = " x ".join(f"{axis}: {level}" for axis, level in effect.terms)
        size = f"{effect.size.mean * scale:+.{digits}f}"
        table.add_row(Text(name), size, _ends(effect.size, scale, digits), _p(effect.p))
    return table


def say_claims(found: Findings, say: Callable[[str], None]) -> None:
    """Each claim with what the records say of it."""
    for held in found.claims:
        p = "" if held.p is None else f", p {held.p:.3g}"
        say(f"claim {held.found}: {held.says} (n = {held.n}{p})")


def as_parts(found: Findings) -> parts.Table:
    """The same table for a file; the best mean is bold."""
    columns = [parts.Column(name, name not in ("arm", "verdict")) for name in HEADINGS]
    rows = [
        [
            parts.Cell(text, strong=line.best and name == "mean")
            for name, text in zip(HEADINGS, cells(line, found), strict=True)
        ]
        for line in found.lines
    ]
    caption = f"{found.split} {found.metric}; differences {_against(found)}, paired by seed; * Pareto front."
    return parts.Table("arms", "", columns, rows, caption)


def draw(folder: Path) -> None:
    """arms.png: every arm with its runs; figures/: what else the study shows, and its tables as Markdown."""
    (study,) = gather([folder]).studies
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    for figure in figures_of_study(study):
        write(figure, (folder if figure.name == "arms" else place) / f"{figure.name}.png")
    for table in tables_of(study):
        atomic.write_text(place / f"{table.name}.md", "\n".join([*table_lines(table), ""]))


def write_tables(found: Findings, folder: Path) -> None:
    """results.csv, a row an arm and seed, and table.md."""

    def rows(file: Any) -> None:
        out = csv.writer(file)
        out.writerow(["arm", "seed", found.metric, "seconds", "checkpoint", "view", "record"])
        for m in found.measured:
            record = m.record.relative_to(folder)
            cells = [csv_cell(m.arm), m.seed, repr(m.value), m.seconds, m.checkpoint, m.view, csv_cell(str(record))]
            out.writerow(cells)

    atomic.write_lines(folder / "results.csv", rows)
    lines = table_lines(as_parts(found))
    if any(line.examples is not None for line in found.lines):
        lines.append(f"\n{OVER_EXAMPLES}")
    lines += [f"- claim {held.found}: {escaped(held.says)} (n = {held.n})" for held in found.claims]
    lines += [f"- note: {escaped(note)}" for note in found.notes]
    atomic.write_text(folder / "table.md", "\n".join(lines) + "\n")
