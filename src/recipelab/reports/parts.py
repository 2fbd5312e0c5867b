"""A report as plain data: its sections, tables and runs, said once; the page, Markdown and CSV are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recipelab.figures.chart import Figure

Value = float | int | str | None


@dataclass(frozen=True)
class Cell:
    """text: as it is shown. values: for sorting and CSV, one for each of the column's `csv`; default: the text.

    link: anchor of what stands behind it. strong: marked as best. badge: word that colours it, such as better, fails.
    hint: said when it is pointed at. runs: names of those behind it, where nothing else is linked and said.
    """

    text: str
    values: tuple[Value, ...] = ()
    link: str = ""
    strong: bool = False
    badge: str = ""
    hint: str = ""
    runs: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[Value, ...]:
        return self.values or (self.text,)

    def target(self, anchors: Mapping[str, str]) -> str:
        """Where it leads to. anchors: of runs, by name."""
        return self.link or (anchors.get(self.runs[0], "") if self.runs else "")

    @property
    def says(self) -> str:
        """What is said when it is pointed at."""
        return self.hint or (f"runs {', '.join(self.runs)}" if self.runs else "")


@dataclass(frozen=True)
class Column:
    """name: the heading, with its unit. number: set flush right. csv: headings in the CSV file."""

    name: str
    number: bool = False
    csv: tuple[str, ...] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        return self.csv or (self.name,)


@dataclass(frozen=True)
class Table:
    """name: of its file, [a-z0-9_]. caption: what is to be known to read it. warnings: what its numbers suffer from.

    anchors: of its rows, where something links to them; the table's own is `table_anchor` of its name.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    warnings: Sequence[str] = ()
    anchors: Sequence[str] = ()


def prefixed(anchor: str, name: str) -> str:
    """The name of a section's table or drawing."""
    return f"{anchor}_{name}".replace("-", "_")


def table_anchor(name: str) -> str:
    """What links to a table."""
    return f"t-{name}"


@dataclass(frozen=True)
class Statement:
    """A sentence with what it is: holds, fails, unproven, ... links: (text, anchor) of what stands behind it."""

    word: str
    text: str
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Drawing:
    """A figure in its place. name: of its files, unique in the report."""

    name: str
    figure: Figure


@dataclass(frozen=True)
class Picture:
    """A PNG of a record. name: what it shows."""

    name: str
    png: bytes


@dataclass(frozen=True)
class Text:
    """A file of a record as it is. kind: yaml or json."""

    title: str
    kind: str
    content: str


@dataclass(frozen=True)
class Section:
    """anchor: unique in the report. lead: a sentence that sums it up."""

    anchor: str
    title: str
    lead: str = ""
    statements: Sequence[Statement] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    drawings: Sequence[Drawing] = ()


@dataclass(frozen=True)
class Card:
    """One run with all that stands behind its numbers. headline: its one number, in words. command: repeats it."""

    anchor: str
    name: str
    status: str
    headline: str
    facts: Sequence[tuple[str, str]]
    command: str
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    drawings: Sequence[Drawing] = ()
    pictures: Sequence[Picture] = ()
    texts: Sequence[Text] = ()


@dataclass(frozen=True)
class Report:
    """made: of what, in words. anchors: name of a run -> its anchor, for the figures' links."""

    title: str
    made: str
    sections: Sequence[Section]
    cards: Sequence[Card]
    warnings: Sequence[str] = ()
    anchors: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> list[Table]:
        """Every table, those of single runs last."""
        return [*(t for s in self.sections for t in s.tables), *(t for card in self.cards for t in card.tables)]

    @property
    def drawings(self) -> list[Drawing]:
        """Every figure of the sections; those of single runs are the cards'."""
        return [d for section in self.sections for d in section.drawings]
