"""Text in Markdown, whoever wrote it."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$])")


def escaped(text: str) -> str:
    """Text that Markdown takes for nothing but text, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;")).replace("://", "\\://")
