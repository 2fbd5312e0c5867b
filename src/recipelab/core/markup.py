"""Tables and lines as HTML for a notebook: whoever's text is escaped; no style, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], strong: Collection[int] = ()) -> str:
    """A table of texts. strong: indices of rows that are set in bold."""
    top = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{_strong(escape(str(cell)), index in strong)}</td>" for cell in row) + "</tr>"
        for index, row in enumerate(rows)
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def line(text: str, *, strong: bool = False) -> str:
    """A paragraph."""
    return f"<p>{_strong(escape(text), strong)}</p>"


def _strong(escaped: str, strong: bool) -> str:
    return f"<b>{escaped}</b>" if strong and escaped else escaped
