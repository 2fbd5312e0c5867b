"""The typed sections in words: every key with its type, default and meaning, read from the schema's own source."""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import MISSING, fields

from recipelab.config import schema

SECTIONS = {"": schema.Run, "trainer": schema.Trainer, "data": schema.Data} | {
    "model": schema.Model,
    **{name: schema.SECTIONS[name] for name in schema.OPTIONAL_SECTIONS},
}


def keys() -> str:
    """One line a key."""
    lines = []
    for name, kind in SECTIONS.items():
        lines.append(f"keys of {name or 'the recipe itself'}:")
        lines += _section(name, kind)
        lines.append("")
    lines.append(
        "a slot takes the keys of the class or function that it names; recipelab train --cfg job prints them all"
    )
    return "\n".join(lines)


def _section(name: str, kind: type) -> list[str]:
    meanings = _docstrings(kind)
    lines = []
    for field in fields(kind):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = default if isinstance(default, str) else json.dumps(default)
        key = f"{name}.{field.name}" if name else field.name
        lines.append(f"  {f'{key}={shown}':<34} {meanings.get(field.name, '')}".rstrip())
    return lines


def _docstrings(kind: type) -> dict[str, str]:
    """The string under each field of a dataclass, by field."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            assert isinstance(below.value, ast.Constant)
            found[field.target.id] = " ".join(str(below.value.value).split())
    return found
