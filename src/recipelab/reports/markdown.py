"""A report as Markdown, for repositories and notes: the same tables, with pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from recipelab.core.markdown import escaped
from recipelab.reports.parts import Card, Cell, Drawing, Report, Section, Table, Text, table_anchor


def markdown(report: Report, drawn: Collection[str]) -> str:
    """drawn: names of the drawings that have a picture in figures/."""
    lines = [f"# {escaped(report.title)}", "", f"{escaped(report.made)}.", ""]
    lines += _warnings(report.warnings)
    for section in report.sections:
        lines += _section(section, drawn, report.anchors)
    for card in report.cards:
        lines += _card(card, drawn, report.anchors)
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section, drawn: Collection[str], anchors: Mapping[str, str]) -> list[str]:
    lines = [f'<a id="{section.anchor}"></a>', "", f"## {escaped(section.title)}", ""]
    lines += [escaped(section.lead), ""] if section.lead else []
    lines += [f"- **{escaped(one.word)}**: {escaped(one.text)}" for one in section.statements]
    lines += [""] if section.statements else []
    lines += _warnings(section.warnings)
    for table in section.tables:
        lines += _table(table, anchors)
    return lines + _pictures(section.drawings, drawn)


def _card(card: Card, drawn: Collection[str], anchors: Mapping[str, str]) -> list[str]:
    lines = [f'<a id="{card.anchor}"></a>', "", f"## Run {escaped(card.name)}", "", f"{escaped(card.headline)}.", ""]
    lines += _warnings(card.warnings)
    lines += [f"- {escaped(name)}: {escaped(value)}" for name, value in (("status", card.status), *card.facts)]
    lines += ["", *_fenced("sh", card.command)] if card.command else []
    lines += [""]
    for table in card.tables:
        lines += _table(table, anchors)
    lines += _pictures(card.drawings, drawn)
    for text in card.texts:
        lines += _text(text)
    return lines


def _text(text: Text) -> list[str]:
    return [f"### {escaped(text.title)}", "", *_fenced(text.kind, text.content.rstrip()), ""]


def _fenced(kind: str, content: str) -> list[str]:
    """A block that its content cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{kind}", content, fence]


def _warnings(warnings: Sequence[str]) -> list[str]:
    return [line for one in warnings for line in (f"> **Note:** {escaped(one)}", "")]


def _table(table: Table, anchors: Mapping[str, str]) -> list[str]:
    head = [f'<a id="{table_anchor(table.name)}"></a>', "", f"### {escaped(table.title)}", ""]
    return [*head, *table_lines(table, anchors), "", *_warnings(table.warnings)]


def table_lines(table: Table, anchors: Mapping[str, str] | None = None) -> list[str]:
    """A table and its caption. anchors: of runs, by name, in the same document; without them, nothing leads to one."""
    lines = ["| " + " | ".join(escaped(column.name) for column in table.columns) + " |"]
    lines.append("|" + "|".join(" ---: " if column.number else " --- " for column in table.columns) + "|")
    for index, row in enumerate(table.rows):
        cells = [_cell(cell, anchors or {}) for cell in row]
        if index < len(table.anchors):
            cells[0] = f'<a id="{table.anchors[index]}"></a>{cells[0]}'
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", escaped(table.caption)] if table.caption else lines


def _cell(cell: Cell, anchors: Mapping[str, str]) -> str:
    text = escaped(cell.text)
    text = f"**{text}**" if cell.strong and text else text
    link = cell.target(anchors)
    return f"[{text}](#{link})" if link and text else text


def _pictures(drawings: Sequence[Drawing], drawn: Collection[str]) -> list[str]:
    lines = []
    for one in drawings:
        if one.name in drawn:
            lines += [f"![{escaped(one.figure.title)}](figures/{one.name}.png)", "", escaped(one.figure.caption), ""]
    return lines
