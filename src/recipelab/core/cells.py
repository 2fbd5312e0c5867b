"""Text that somebody else chose, on its way into a CSV file or onto a terminal."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_cell(text: str) -> str:
    """`text` as a CSV cell that no spreadsheet takes for a formula: one that would start one gets a `'` before it.

    (https://owasp.org/www-community/attacks/CSV_Injection). Quoting is the CSV writer's part. Bytes of a file name
    that are no UTF-8 become \\xNN.
    """
    safe = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"'{safe}" if safe.startswith(_FORMULA) else safe


def printable(text: str) -> str:
    """`text` with `?` for whatever would move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else "?" for c in text)
