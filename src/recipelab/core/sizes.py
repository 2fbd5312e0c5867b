"""Sizes of memory and files: "2GB" in the configuration, bytes in the code."""

from __future__ import annotations

import re

from recipelab.core.errors import UserError

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B)", re.IGNORECASE)


def size_in_bytes(text: str, key: str = "size") -> int:
    """Bytes of a size such as 500MB, 2GB or 1.5GiB. Raises UserError naming `key`."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{key}={text!r} is not a size: a number with a unit is expected (500MB, 2GB, 1.5GiB)")
    return int(float(match[1]) * UNITS[match[2].upper()])


def shown_size(count: int) -> str:
    """Bytes in words, such as 45.1 MB."""
    for unit in ("TB", "GB", "MB", "KB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:.3g} {unit}"
    return f"{count} bytes"
